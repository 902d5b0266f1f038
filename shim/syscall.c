/*
 * What programs ask of the kernel by syscall(): the futex, and the end of the process.
 *
 * A futex call is order only in so far as it woke somebody; what programs build of it is ordered by its atomics, which are
 * exact where the code is instrumented. A word that was requeued to another one is woken there: from the first requeue on
 * all futexes are taken for one.
 */
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "shim/call.h"
#include "shim/clock.h"
#include "shim/conduit.h"
#include "shim/confine.h"
#include "shim/end.h"
#include "shim/fd.h"
#include "shim/io.h"
#include "shim/outside.h"
#include "shim/patch_access.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/stack.h"
#include "shim/table.h"

#define CALL                                                  \
    struct call call __attribute__((cleanup(call_leave))) = { \
        .pc = RETURN_PC, .frame = (uintptr_t)__builtin_frame_address(0)}

static volatile bool requeued;

static uintptr_t futex_key(uintptr_t word)
{
    return requeued ? CONDUIT_KEY(CONDUIT_SYSTEM, 0) : word;
}

static long futex(const long a[6], struct call *call)
{
    uintptr_t word = (uintptr_t)a[0];
    long command = a[1] & FUTEX_CMD_MASK;
    bool shared = !(a[1] & FUTEX_PRIVATE_FLAG);
    if (command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE ||
        command == FUTEX_CMP_REQUEUE_PI || command == FUTEX_WAIT_REQUEUE_PI)
        requeued = true;
    bool waits = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET ||
                 command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2 ||
                 command == FUTEX_WAIT_REQUEUE_PI;
    bool timed = waits && a[3];
    if ((!fd_alone() || (waits && !shared)) &&
        call_enter(call, PRIMITIVE_syscall, TRACE_OBJECT_FUTEX, futex_key(word), 0,
                   waits ? 0 : VERB_RELEASE_JOIN | VERB_WAKE)) {
        if (shared)
            call->object->shown.flags |= TRACE_OBJECT_SHARED;
        patch_mark(word, sizeof(uint32_t));
        /* Go's runtime sleeps like this for a goroutine that has said already what it waits for. */
        if (waits && call->thread->record->state == TRACE_TASK_BLOCKED)
            call_pause(call);
        else if (waits)
            call_block(call, VERB_MAY_BLOCK | (timed ? VERB_TIMED : 0));
    }
    /* a lock by the kernel: the program takes and gives it by LOCK on the same word */
    bool inherits = patch_on && (command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2 ||
                                 command == FUTEX_TRYLOCK_PI || command == FUTEX_UNLOCK_PI);
    struct system_call system;
    if (inherits)
        system_call_before(&system, SYS_futex, word, (uintptr_t)a[1]);
    long result = real.syscall(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
    int error = errno;
    if (inherits)
        system_call_after(&system, result, call->pc);
    errno = error;
    if (call->thread)
        call_return(call, waits && (result == 0 || errno == EAGAIN), VERB_ACQUIRE);
    return result;
}

/*
 * io_uring is not observed, and the report says so. liburing makes its system calls itself; so at the end it is also looked
 * for among the descriptors that we know nothing of.
 */
static void syscall_io_uring(void)
{
    if (shim_state == SHIM_ON)
        __atomic_fetch_or(&process_record()->flags, TRACE_PROCESS_IO_URING, __ATOMIC_RELAXED);
}

static bool is_ring(int fd)
{
    struct stat facts;
    char path[40], name[40];
    size_t used = 0;
    if (fd_type(fd_peek(fd)) != TRACE_FD_UNKNOWN || raw2(SYS_fstat, fd, &facts) != 0 ||
        facts.st_mode & S_IFMT)
        return false;
    raw_zero(name, sizeof name);
    raw_append(path, sizeof path, &used, "/proc/self/fd/");
    raw_append_number(path, sizeof path, &used, (uint64_t)fd);
    raw3(SYS_readlink, path, name, sizeof name - 1);
    return raw_equal(name, "anon_inode:[io_uring]");
}

/* No more than numbers that were given out have been seen, and some: the kernel gives the lowest free one. */
void syscall_at_end(void)
{
    unsigned end = fd_numbers() + 64;
    for (unsigned fd = 0; fd < end && fd < 4096; fd++)
        if (is_ring((int)fd))
            syscall_io_uring();
}

/* The exit system call ends one thread, and with the last one the process. */
static bool ends_process(long number)
{
    struct stat status;
    return number == SYS_exit_group ||
           (number == SYS_exit && !confined && raw2(SYS_stat, "/proc/self/task", &status) == 0 &&
            status.st_nlink == 3);
}

/*
 * The unwinder reads files where a module has its frame descriptions, if any, compressed or elsewhere; that must be no point where the
 * program's thread is cancelled, in pthread_mutex_lock for example (C++ then ended the program).
 */
long stack_system(long number, ...)
{
    long words[3];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 3; i++)
        words[i] = va_arg(rest, long);
    va_end(rest);
    long result = raw3(number, words[0], words[1], words[2]);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* Six words are passed on whatever the call takes, as the C library's own function does. */
EXPORT long syscall(long number, ...)
{
    LATE(syscall);
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_write && UNLIKELY(stack_unwinding()))
        return stack_probe((uintptr_t)a[1]);
    if (UNLIKELY(ends_process(number)))
        a[0] = end_under((int)a[0], RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    if (UNLIKELY(number == SYS_io_uring_setup || number == SYS_io_uring_enter))
        syscall_io_uring();
    if (UNLIKELY(number == SYS_seccomp))
        confine_seccomp(a[0], a[2]);
    if (UNLIKELY(number == SYS_prctl))
        confine_prctl(a[0], a[1], a[2], a[3]);
    if (number != SYS_futex) {
        outside_system_before(number);
        long result = real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        outside_system_after(number);
        return result;
    }
    CALL;
    return futex(a, &call);
}
