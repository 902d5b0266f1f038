/*
 * What is read of filters of system calls, against running them: where a random filter would do to a call, with some
 * arguments, worse than let it fail, that is known beforehand; and usual filters are not taken for worse than they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/confine.c"

struct real real;
volatile bool apart_off;

/* ---- the rest of the recorder ---- */

volatile uint32_t shim_life[1024] = {SHIM_ON};
volatile uint32_t directory_active;
char directory_path[1024];
struct shim_options shim_options;
struct table table_process, table_tasks;
static unsigned ended, finished;

bool end_ours(void)
{
    return true;
}

void end_confined(const char *reason)
{
    (void)reason;
    ended++;
    shim_state = SHIM_OFF;
}

void patch_lazy_finish(void)
{
    finished++;
}

void shim_awake(void)
{
}

void shim_message(const char *part, ...)
{
    (void)part;
}

/* ---- filters are run ---- */

static uint64_t seed = 1;

static uint32_t random_below(uint32_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % limit;
}

static uint32_t run(const struct sock_filter *filter, const struct seccomp_data *data)
{
    uint32_t a = 0, x = 0, memory[16] = {0};
    for (uint32_t at = 0;; at++) {
        const struct sock_filter *in = &filter[at];
        uint32_t other = BPF_SRC(in->code) == BPF_X ? x : in->k;
        switch (BPF_CLASS(in->code)) {
        case BPF_LD:
            if (BPF_MODE(in->code) == BPF_ABS)
                memcpy(&a, (const char *)data + in->k, sizeof a);
            else
                a = BPF_MODE(in->code) == BPF_IMM ? in->k : memory[in->k % 16];
            break;
        case BPF_LDX:
            x = in->k;
            break;
        case BPF_ST:
            memory[in->k % 16] = a;
            break;
        case BPF_ALU:
            a = BPF_OP(in->code) == BPF_AND ? a & other : a + other;
            break;
        case BPF_MISC:
            if (BPF_MISCOP(in->code) == BPF_TXA)
                a = x;
            else
                x = a;
            break;
        case BPF_JMP: {
            bool yes = BPF_OP(in->code) == BPF_JEQ    ? a == other
                       : BPF_OP(in->code) == BPF_JGT  ? a > other
                       : BPF_OP(in->code) == BPF_JGE  ? a >= other
                       : BPF_OP(in->code) == BPF_JSET ? (a & other) != 0
                                                      : true;
            at += BPF_OP(in->code) == BPF_JA ? in->k : yes ? in->jt : in->jf;
            break;
        }
        default:
            return BPF_RVAL(in->code) == BPF_A ? a : in->k;
        }
    }
}

#define LENGTH 40u

static uint8_t way(uint32_t at)
{
    return (uint8_t)random_below(LENGTH - 1 - at > 8 ? 8 : LENGTH - 1 - at);
}

static struct sock_filter random_instruction(uint32_t at)
{
    static const uint32_t actions[] = {
        SECCOMP_RET_ALLOW,        SECCOMP_RET_ALLOW, SECCOMP_RET_LOG,  SECCOMP_RET_ERRNO | 1,
        SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP,  SECCOMP_RET_TRACE};
    static const uint16_t jumps[] = {BPF_JEQ, BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET, BPF_JA};
    uint16_t source = random_below(8) ? BPF_K : BPF_X;
    uint32_t number = random_below(3) ? random_below(6) : AUDIT_ARCH_X86_64;
    uint16_t jump = jumps[random_below(6)];
    switch (at + 2 >= LENGTH ? 0 : random_below(12)) {
    case 0:
        if (!random_below(20))
            return (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
        return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, actions[random_below(7)]);
    case 1:
        return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_IMM, number);
    case 2:
        return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_MEM, random_below(16));
    case 3:
        return (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | source, number);
    case 4:
        return (struct sock_filter)BPF_STMT(BPF_MISC | (random_below(2) ? BPF_TXA : BPF_TAX), 0);
    case 5:
        return (struct sock_filter)BPF_STMT(random_below(2) ? BPF_ST : BPF_LDX, random_below(16));
    case 6:
    case 7:
        return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4 * random_below(4));
    default:
        if (jump == BPF_JA)
            return (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, way(at));
        return (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | jump | source), number, way(at),
                                            way(at));
    }
}

static void random_filters(void **state)
{
    (void)state;
    unsigned worse = 0, allowed = 0;
    for (unsigned round = 0; round < 20000; round++) {
        struct sock_filter filter[LENGTH];
        for (uint32_t at = 0; at < LENGTH; at++)
            filter[at] = random_instruction(at);
        for (uint32_t number = 0; number < 5; number++) {
            bool told = forbids(filter, LENGTH, number);
            allowed += !told;
            for (unsigned i = 0; i < 10; i++) {
                struct seccomp_data data = {.nr = (int)number, .arch = AUDIT_ARCH_X86_64};
                data.instruction_pointer = random_below(6);
                struct sock_filter last = BPF_STMT(BPF_RET | BPF_K, run(filter, &data));
                worse += !harmless(&last);
                if (!harmless(&last))
                    assert_true(told);
            }
        }
    }
    assert_true(worse > 1000 && allowed > 1000);
}

/* ---- what is usual ---- */

#define LOAD_NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define CASE(number, action) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)
#define ELSE(action) BPF_STMT(BPF_RET | BPF_K, action)

static void again(void)
{
    confined = false;
    shim_state = SHIM_ON;
    shim_life[1] = ended = finished = 0;
}

static bool stops(struct sock_filter *filter, size_t length)
{
    struct sock_fprog program = {(unsigned short)length, filter};
    again();
    confine_seccomp(SECCOMP_SET_MODE_FILTER, (long)(uintptr_t)&program);
    bool first = confined;
    assert_int_equal(ended, first);
    assert_int_equal(finished, first);
    again();
    confine_prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)(uintptr_t)&program, 0);
    assert_int_equal(confined, first);
    confine_prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)(uintptr_t)&program, 0);
    assert_int_equal(ended, first); /* once */
    return first;
}

static void usual(void **state)
{
    (void)state;
    struct sock_filter few[] = {LOAD_NUMBER, CASE(SYS_read, SECCOMP_RET_ALLOW),
                                ELSE(SECCOMP_RET_KILL_PROCESS)};
    struct sock_filter fails[] = {LOAD_NUMBER, CASE(SYS_read, SECCOMP_RET_ALLOW),
                                  ELSE(SECCOMP_RET_ERRNO | 38)};
    struct sock_filter without[] = {LOAD_NUMBER, CASE(SYS_ptrace, SECCOMP_RET_KILL_PROCESS),
                                    ELSE(SECCOMP_RET_ALLOW)};
    struct sock_filter traps[] = {LOAD_NUMBER, CASE(SYS_openat, SECCOMP_RET_TRAP),
                                  ELSE(SECCOMP_RET_ALLOW)};
    struct sock_filter by_argument[] = {
        LOAD_NUMBER,
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 0, 1),
        ELSE(SECCOMP_RET_KILL_THREAD),
        ELSE(SECCOMP_RET_ALLOW)};
    struct sock_filter no_exec[] = {LOAD_NUMBER, CASE(SYS_execve, SECCOMP_RET_KILL_PROCESS),
                                    ELSE(SECCOMP_RET_ALLOW)};
    struct sock_filter no_threads[] = {LOAD_NUMBER, CASE(SYS_clone, SECCOMP_RET_KILL_PROCESS),
                                       ELSE(SECCOMP_RET_ALLOW)};
#define STOPS(filter) stops(filter, sizeof filter / sizeof *filter)
    assert_true(STOPS(few));
    assert_false(pid_told);
    assert_true(apart_off);
    apart_off = false;
    assert_false(STOPS(fails));
    assert_false(STOPS(without));
    assert_false(apart_off);
    assert_false(STOPS(no_threads)); /* files are opened in the host's table then */
    assert_true(apart_off);
    assert_true(STOPS(traps));
    assert_true(pid_told);
    assert_true(STOPS(by_argument));
    assert_false(STOPS(no_exec)); /* the analyzer is not ours to start */
    shim_options.report = true;
    assert_true(STOPS(no_exec));
    shim_options.report = false;
}

/* Programs ask so whether there are such filters at all. */
static void asking(void **state)
{
    (void)state;
    struct sock_fprog none = {0, NULL};
    again();
    confine_seccomp(SECCOMP_SET_MODE_FILTER, 0);
    confine_seccomp(SECCOMP_SET_MODE_FILTER, (long)(uintptr_t)&none);
    confine_prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0, 0);
    confine_prctl(PR_SET_NAME, SECCOMP_MODE_STRICT, 0, 0);
    confine_prctl(PR_GET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0);
    confine_seccomp(2 /* SECCOMP_GET_ACTION_AVAIL */, (long)(uintptr_t)&none);
    assert_false(confined);
    confine_prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0);
    assert_true(confined);
    again();
    confine_seccomp(SECCOMP_SET_MODE_STRICT, 0);
    assert_true(confined);
}

/* Calls that the program handles itself, but for those of code that it leaves out. */
static void handled(void **state)
{
    (void)state;
    long ours = (long)(uintptr_t)confine_prctl;
    again();
    confine_prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0);
    confine_prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, ours - 4096, 8192);
    assert_false(confined);
    confine_prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, ours + 4096, 8192);
    assert_true(confined);
    again();
    confine_prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0);
    assert_true(confined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_filters), cmocka_unit_test(usual),
                                       cmocka_unit_test(asking), cmocka_unit_test(handled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
