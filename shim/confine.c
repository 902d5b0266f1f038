/*
 * Sandboxes. A filter of system calls that kills for what it does not know would kill the program for what the recorder asks
 * of the kernel. So a filter is read before it is installed: if it may kill for a call that the recorder makes, recording
 * ends before, all that there is is written, functions not yet copied are copied (for which memory must be mapped), and
 * from then on, in children too, nothing is asked of the kernel that the program did not ask for. A filter that only lets
 * calls fail is no reason: what fails is told by the report as lost.
 *
 * Of a filter nothing is known but the number of the call and the architecture: where it goes by anything else, both ways
 * are followed. Not seen: a filter that was there before the program began, and one installed by a `syscall` instruction
 * of the program's own. A program that has its system calls given to a handler of its own (PR_SET_SYSCALL_USER_DISPATCH)
 * would be given ours; of those of a part of the address space that it leaves out it is not.
 */
#include "shim/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "shim/apart.h"
#include "shim/directory.h"
#include "shim/end.h"
#include "shim/message.h"
#include "shim/options.h"
#include "shim/patch_lazy.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/table.h"

#define FILTER_MOST 4096u /* instructions: the kernel's own limit */

volatile bool confined;
static volatile bool lost; /* something that would have been recorded was not */
static bool pid_told;      /* the filter lets us ask who we are */

/* What the accumulator holds, a bit for each instruction to which control may come with that. */
enum value { NUMBER, ARCHITECTURE, UNKNOWN, VALUES };
struct ways {
    uint64_t at[VALUES][FILTER_MOST / 64];
};

static void go(struct ways *ways, uint32_t to, enum value holds)
{
    if (to < FILTER_MOST)
        ways->at[holds][to / 64] |= UINT64_C(1) << to % 64;
}

static bool come(const struct ways *ways, uint32_t at, enum value holds)
{
    return ways->at[holds][at / 64] >> at % 64 & 1;
}

static enum value loaded(const struct sock_filter *in)
{
    if (BPF_SIZE(in->code) == BPF_W && BPF_MODE(in->code) == BPF_ABS) {
        if (in->k == 0)
            return NUMBER;
        if (in->k == 4)
            return ARCHITECTURE;
    }
    return UNKNOWN;
}

/* Both ways where it cannot be known. */
static void jump(struct ways *ways, uint32_t at, const struct sock_filter *in, enum value holds,
                 uint32_t value)
{
    uint32_t yes = at + 1 + in->jt, no = at + 1 + in->jf;
    bool known = holds != UNKNOWN && BPF_SRC(in->code) == BPF_K, taken;
    switch (BPF_OP(in->code)) {
    case BPF_JA:
        if (in->k < FILTER_MOST)
            go(ways, at + 1 + in->k, holds);
        return;
    case BPF_JEQ:
        taken = value == in->k;
        break;
    case BPF_JGT:
        taken = value > in->k;
        break;
    case BPF_JGE:
        taken = value >= in->k;
        break;
    case BPF_JSET:
        taken = value & in->k;
        break;
    default:
        taken = known = false;
    }
    if (!known || taken)
        go(ways, yes, holds);
    if (!known || !taken)
        go(ways, no, holds);
}

/* Does a call with this result go on, or fail, but nothing worse? */
static bool harmless(const struct sock_filter *in)
{
    uint32_t action = in->k & SECCOMP_RET_ACTION_FULL;
    return BPF_RVAL(in->code) == BPF_K &&
           (action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG ||
            action == SECCOMP_RET_ERRNO);
}

/* May the filter do worse to the call than to let it fail? */
static bool forbids(const struct sock_filter *filter, uint32_t length, uint32_t number)
{
    const uint32_t value[VALUES] = {number, AUDIT_ARCH_X86_64, 0};
    struct ways ways;
    raw_zero(&ways, sizeof ways);
    go(&ways, 0, UNKNOWN);
    for (uint32_t at = 0; at < length && at < FILTER_MOST; at++) {
        const struct sock_filter *in = &filter[at];
        for (enum value holds = NUMBER; holds < VALUES; holds++) {
            if (!come(&ways, at, holds))
                continue;
            switch (BPF_CLASS(in->code)) {
            case BPF_RET:
                if (!harmless(in))
                    return true;
                break;
            case BPF_JMP:
                jump(&ways, at, in, holds, value[holds]);
                break;
            case BPF_LD:
                go(&ways, at + 1, loaded(in));
                break;
            case BPF_ALU:
            case BPF_MISC: /* (txa; of tax it is said, too) */
                go(&ways, at + 1, UNKNOWN);
                break;
            default: /* ldx, st, stx */
                go(&ways, at + 1, holds);
            }
        }
    }
    return false;
}

/* What the recorder asks for while a program runs, and what it takes to start the analyzer. */
static const uint16_t while_running[] = {
    SYS_open,        SYS_openat,      SYS_close,          SYS_read,
    SYS_pread64,     SYS_pwrite64,    SYS_write,          SYS_mmap,
    SYS_munmap,      SYS_mremap,      SYS_mprotect,       SYS_madvise,
    SYS_futex,       SYS_fstat,       SYS_stat,           SYS_fcntl,
    SYS_ftruncate,   SYS_fallocate,   SYS_readlink,       SYS_prlimit64,
    SYS_getpid,      SYS_gettid,      SYS_prctl,          SYS_clock_gettime,
    SYS_nanosleep,   SYS_sched_yield, SYS_rt_sigprocmask, SYS_rt_sigaction,
    SYS_tgkill,      SYS_membarrier,  SYS_poll,           SYS_getsockname,
    SYS_getpeername, SYS_getsockopt,  SYS_memfd_create,   SYS_process_vm_readv,
    SYS_fstatfs};
static const uint16_t to_report[] = {SYS_access, SYS_clone, SYS_wait4,       SYS_execve,
                                     SYS_umask,  SYS_kill,  SYS_close_range, SYS_dup2};

/* What apart() takes, which recording can do without. */
static const uint16_t to_be_apart[] = {SYS_clone, SYS_exit, SYS_close_range, SYS_pidfd_open,
                                       SYS_pidfd_getfd};

static bool forbids_any(const struct sock_fprog *program)
{
    for (size_t i = 0; i < sizeof while_running / sizeof *while_running; i++)
        if (forbids(program->filter, program->len, while_running[i]))
            return true;
    for (size_t i = 0; shim_options.report && i < sizeof to_report / sizeof *to_report; i++)
        if (forbids(program->filter, program->len, to_report[i]))
            return true;
    return false;
}

/* ---- before it is installed ---- */

#define BY_FILTER  "the program gave up system calls that recording takes: seccomp"
#define BY_HANDLER "the program handles system calls itself: PR_SET_SYSCALL_USER_DISPATCH"
#define BY_CLOCK   "the program gave up reading the processor's clock: PR_SET_TSC"

static void confine(const char *reason)
{
    if (confined || (shim_state != SHIM_UNBORN && !end_ours()))
        return; /* (a vfork child's memory is its parent's) */
    if (shim_state == SHIM_ON) {
        int error = errno;
        patch_lazy_finish();
        end_confined(reason);
        lost = directory_active && table_tasks.count > 2;
        if (directory_active && shim_options.report)
            shim_message("what was recorded until then: gorocheck analyze ", directory_path, NULL);
        confined_here = 1;
        errno = error;
    }
    confined = true;
}

static void filtered(const struct sock_fprog *program)
{
    if (!program || !program->filter || program->len == 0 || program->len > FILTER_MOST)
        return; /* it will fail */
    for (size_t i = 0; i < sizeof to_be_apart / sizeof *to_be_apart && !apart_off; i++)
        apart_off = forbids(program->filter, program->len, to_be_apart[i]);
    if (!confined && forbids_any(program)) {
        pid_told = !forbids(program->filter, program->len, SYS_getpid);
        confine(BY_FILTER);
    }
}

static const struct sock_fprog *program_at(long address)
{
    union {
        long number;
        const struct sock_fprog *program;
    } word = {address};
    return word.program;
}

void confine_seccomp(long operation, long filter)
{
    if (operation == SECCOMP_SET_MODE_STRICT)
        confine(BY_FILTER);
    else if (operation == SECCOMP_SET_MODE_FILTER)
        filtered(program_at(filter));
}

void confine_prctl(long option, long a, long b, long c)
{
    if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_STRICT)
        confine(BY_FILTER);
    else if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_FILTER)
        filtered(program_at(b));
    else if (option == PR_SET_TSC && a == PR_TSC_SIGSEGV)
        confine(BY_CLOCK);
    else if (option == PR_SET_SYSCALL_USER_DISPATCH && a == PR_SYS_DISPATCH_ON &&
             (uintptr_t)confine_prctl - (uintptr_t)b >= (uintptr_t)c)
        confine(BY_HANDLER);
}

/* As the C library's own function it passes on five words, whatever the option takes. */
EXPORT int prctl(int option, ...)
{
    shim_awake();
    long a[4];
    va_list rest;
    va_start(rest, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(rest, long);
    va_end(rest);
    if (UNLIKELY(option == PR_SET_SECCOMP || option == PR_SET_TSC ||
                 option == PR_SET_SYSCALL_USER_DISPATCH))
        confine_prctl(option, a[0], a[1], a[2]);
    if (UNLIKELY(confined) && real.syscall) /* the C library's may be let through, ours not */
        return (int)real.syscall(SYS_prctl, (long)option, a[0], a[1], a[2], a[3]);
    long result = raw6(SYS_prctl, option, a[0], a[1], a[2], a[3], 0);
    if (result >= 0)
        return (int)result;
    errno = (int)-result;
    return -1;
}

/* ---- afterwards ---- */

void confine_thread(void)
{
    if (confined_here)
        lost = true;
}

bool confine_lost(void)
{
    return lost && confined_here && shim_options.report &&
           (!pid_told || (uint32_t)raw0(SYS_getpid) == process_record()->pid);
}
