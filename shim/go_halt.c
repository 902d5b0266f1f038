/*
 * While go_reach.c searches, what the others do must not change what leads where: a pointer moved from a place that is
 * still to be looked at to one that has been would be missed, and so would one that is in a register alone. So the threads
 * that run goroutines, or look for some to run, are halted: a signal, whose handler says where its thread stands, with all
 * registers, and waits there. A thread within our own code is asked again (it may hold a lock of ours), and so is the
 * scheduler where it is on its way to or from the kernel: it may have taken a timer that is about to go off.
 *
 * A goroutine in a system call, or in C, does not touch Go's memory and is not disturbed; whether it has come back in the
 * meantime is looked at afterwards. So is whether a thread that blocks all signals, as os/signal has one, has used the
 * processor. Where somebody cannot be halted the search proves nothing.
 */
#include "shim/go_halt.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <time.h>

#include "shim/apart.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/table.h"
#include "shim/task.h"

#include "shim/banned.h"

#define HALTED_MAX  512u
#define WAIT_NS     UINT64_C(2000000000)  /* for all of it ... */
#define STARVED_NS  UINT64_C(10000000000) /* ... unless one has not been given a processor by then */
#define ENOUGH_NS   UINT64_C(20000000)    /* who has had it so long and did not answer will not */
#define TRIES       200u                  /* of NAP_NS each, for one that is asked again */
#define NAP_NS      100000
#define DEAF_NS     UINT64_C(2000000) /* who has not answered by then may block the signal */
#define STEP_NS     UINT64_C(50000) /* of the processor, which one gets between two such questions */
#define STATUS_MASK 0xfffu
#define STATUS_CALL 3u
#define RED_ZONE    128u
/* Words of a signal's floating point state: where the vector registers begin; the mark of there being more of it, and
 * then where their upper halves are. */
#define FP_VECTORS  20u
#define FP_MARK     58u
#define FP_UPPER    72u

enum { FREE, ASKED, TAKEN, AGAIN, HALTED };

static struct {
    struct go_halted *items;
    uint32_t count;
    volatile uint32_t on; /* number of this halt; 0: go on */
    uint32_t number;
    uint64_t until, starved;
    bool failed;
    const struct thread *self;
} halt;

static uint64_t clock_read_ns(clockid_t clock)
{
    struct timespec time = {0, 0};
    if (raw2(SYS_clock_gettime, clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t now_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t go_used_by(uint32_t tid)
{
    return clock_read_ns((clockid_t)(~tid << 3 | 6)); /* CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED */
}

static void nap(void)
{
    const struct timespec time = {0, NAP_NS};
    raw2(SYS_nanosleep, &time, NULL);
}

/* ---- in the thread ---- */

/*
 * Was it waiting in the kernel? The instruction leaves its return address in rcx; one that came to the instruction behind it
 * by a jump has something else there. A wait is either broken off, or begun again, as a futex is. One that has just woken
 * somebody is not waiting: unlocking may do that, with a timer in hand that is in no list any more.
 */
static bool waits_in_kernel(const greg_t *gregs)
{
    const uint8_t *code = (const uint8_t *)gregs[REG_RIP];
    if (code[-2] == 0x0f && code[-1] == 0x05 && gregs[REG_RCX] == gregs[REG_RIP])
        return gregs[REG_RAX] == -EINTR;
    uint32_t operation =
        (uint32_t)gregs[REG_RSI] & ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    return code[0] == 0x0f && code[1] == 0x05 && gregs[REG_RCX] == gregs[REG_RIP] + 2 &&
           gregs[REG_RAX] == SYS_futex &&
           (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET);
}

static void registers_read(struct go_halted *halted, const ucontext_t *context)
{
    const greg_t *gregs = context->uc_mcontext.gregs;
    const uint64_t *floating = (const uint64_t *)context->uc_mcontext.fpregs;
    uint32_t count = 0;
    for (uint32_t i = 0; i < GO_HALTED_GENERAL; i++)
        halted->words[count++] = (uint64_t)gregs[i];
    for (uint32_t i = 0; floating && i < GO_HALTED_VECTOR; i++)
        halted->words[count++] = floating[FP_VECTORS + i];
    bool more = floating && (uint32_t)floating[FP_MARK] == FP_XSTATE_MAGIC1 &&
                floating[FP_MARK] >> 32 >= (FP_UPPER + GO_HALTED_VECTOR) * 8;
    for (uint32_t i = 0; more && i < GO_HALTED_VECTOR; i++)
        halted->words[count++] = floating[FP_UPPER + i];
    halted->count = count;
    halted->sp = (uint64_t)gregs[REG_RSP] - RED_ZONE;
}

static void halt_entry(int signal, siginfo_t *info, void *data)
{
    (void)signal;
    (void)info;
    const struct thread *thread = thread_current;
    const ucontext_t *context = data;
    struct go_halted *halted = NULL;
    for (uint32_t i = 0; i < halt.count && !halted; i++)
        if (halt.items[i].thread == thread)
            halted = &halt.items[i];
    uint32_t asked = ASKED;
    if (!halted || !__atomic_compare_exchange_n(&halted->state, &asked, TAKEN, false,
                                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    int error = errno;
    halted->g = go_running();
    bool scheduler = !halted->g || !go_id_of(halted->g);
    if (thread->busy ||
        (scheduler && (go_statement_under_way() || !waits_in_kernel(context->uc_mcontext.gregs)))) {
        __atomic_store_n(&halted->state, AGAIN, __ATOMIC_SEQ_CST);
    } else {
        uint32_t number = halt.number;
        registers_read(halted, context);
        __atomic_store_n(&halted->state, HALTED, __ATOMIC_SEQ_CST);
        while (halt.on == number)
            raw4(SYS_futex, &halt.on, FUTEX_WAIT_PRIVATE, number, NULL);
    }
    errno = error;
}

/* ---- in the one that searches ---- */

static uint32_t status_of(uintptr_t g)
{
    return *(volatile uint32_t *)(g + go_layout.g_status) & STATUS_MASK;
}

/* Which call it is in: each has another number. */
static uint32_t call_of(uintptr_t g)
{
    uintptr_t m = *(volatile uintptr_t *)(g + go_layout.g_m);
    return m ? *(volatile uint32_t *)(m + go_layout.m_call) : 0;
}

static bool in_call(const struct go_halted *halted)
{
    const struct go *go = halted->thread->go;
    return go && go->g && go != halted->thread->go_own && status_of(go->g) == STATUS_CALL;
}

static bool is_known(const struct thread *thread)
{
    bool known = thread == halt.self || !thread->go_own || thread->ended;
    for (uint32_t i = 0; i < halt.count && !known; i++)
        known = halt.items[i].thread == thread;
    return known;
}

static void collect(struct thread *thread, void *data)
{
    (void)data;
    if (is_known(thread))
        return;
    if (halt.count == HALTED_MAX) {
        halt.failed = true;
        return;
    }
    struct go_halted *halted = &halt.items[halt.count];
    halted->thread = thread;
    halted->tid = task_record(thread->go_own->task)->os_tid;
    halted->used = go_used_by(halted->tid);
    __atomic_store_n(&halt.count, halt.count + 1, __ATOMIC_RELEASE);
}

static void ask(struct go_halted *halted)
{
    __atomic_store_n(&halted->state, ASKED, __ATOMIC_SEQ_CST);
    raw3(SYS_tgkill, raw0(SYS_getpid), halted->tid, GO_HALT_SIGNAL);
}

/* False: it has ended, and does nothing more. */
static bool is_there(const struct go_halted *halted)
{
    return !halted->thread->ended && raw3(SYS_tgkill, raw0(SYS_getpid), halted->tid, 0) == 0;
}

/* Where the value of this line of a status begins. */
static const char *value_of(const char *text, long size, const char *line)
{
    long length = (long)raw_length(line);
    for (long i = 0; i + length + 16 <= size; i++)
        if (raw_equal_n(text + i, line, (size_t)length))
            return text + i + length;
    return NULL;
}

/* Its state, R where it runs or would if it were given a processor, 0: not known; and the signals that it blocks. */
static char state_of(uint32_t tid, char blocked[16])
{
    char path[64], text[3072];
    size_t used = 0;
    raw_append(path, sizeof path, &used, "/proc/self/task/");
    raw_append_number(path, sizeof path, &used, tid);
    raw_append(path, sizeof path, &used, "/status");
    long size = apart_read(path, text, sizeof text);
    const char *how = value_of(text, size, "\nState:\t"),
               *mask = value_of(text, size, "\nSigBlk:\t");
    if (!how || !mask)
        return 0;
    raw_copy(blocked, mask, 16);
    return *how;
}

bool go_would_run(uint32_t tid)
{
    char blocked[16];
    return state_of(tid, blocked) == 'R';
}

/* Does it sleep, and block our signal? One that runs and blocks it may be about to return from our handler. */
static bool is_deaf(const struct go_halted *halted)
{
    char blocked[16]; /* digits of four signals each */
    if (state_of(halted->tid, blocked) != 'S')
        return false;
    char digit = blocked[(64 - GO_HALT_SIGNAL) / 4];
    unsigned value = digit >= 'a' ? (unsigned)(digit - 'a') + 10 : (unsigned)(digit - '0');
    return value >> (GO_HALT_SIGNAL - 1) % 4 & 1;
}

static bool answered(const struct go_halted *halted)
{
    return halted->state == AGAIN || halted->state == HALTED;
}

/* The time is up, but for one that would have run. */
static bool is_late(const struct go_halted *halted)
{
    uint64_t now = now_ns();
    return now > halt.until && (now > halt.starved || !go_would_run(halted->tid) ||
                                go_used_by(halted->tid) > halted->used + ENOUGH_NS);
}

/* False: it is to be asked again. */
static bool wait_for(struct go_halted *halted)
{
    uint64_t start = now_ns();
    while (!answered(halted) && is_there(halted)) {
        uint64_t now = now_ns();
        if (now > start + DEAF_NS && halted->state == ASKED && is_deaf(halted)) {
            halted->deaf = true;
            halted->used = go_used_by(halted->tid);
            return true;
        }
        if (is_late(halted)) {
            halt.failed = true;
            return true;
        }
        nap();
    }
    return halted->state != AGAIN;
}

/*
 * It must have gone on before it is asked again. Where processors are scarce it would else find the question each time that
 * it gets one, and never leave the place where it cannot be halted.
 */
static void let_run(const struct go_halted *halted)
{
    uint64_t used = go_used_by(halted->tid);
    while (go_used_by(halted->tid) < used + STEP_NS && go_would_run(halted->tid) &&
           !is_late(halted))
        nap();
}

/* All are asked, then all are waited for; those who are to be asked again are, while the others stand. */
static void halt_all(void)
{
    for (uint32_t try = 0; try < TRIES && !halt.failed; try++) {
        bool again = false, late = false;
        for (uint32_t i = 0; i < halt.count; i++) {
            struct go_halted *halted = &halt.items[i];
            if (halted->state == HALTED || halted->deaf)
                continue;
            halted->calls = in_call(halted);
            if (halted->calls)
                halted->call = call_of(halted->thread->go->g);
            else
                ask(halted);
        }
        for (uint32_t i = 0; i < halt.count; i++) {
            struct go_halted *halted = &halt.items[i];
            if (halted->calls)
                again |= !in_call(halted);
            else if (halted->state != HALTED && !halted->deaf && !wait_for(halted)) {
                let_run(halted);
                again = true;
                late |= is_late(halted);
            }
        }
        if (!again)
            return;
        if (late)
            break;
        nap();
    }
    halt.failed = true;
}

bool go_halt(const struct thread *self)
{
    __atomic_store_n(&halt.count, 0, __ATOMIC_SEQ_CST);
    halt.items = memory_get(HALTED_MAX * sizeof *halt.items);
    halt.failed = !halt.items;
    if (halt.failed)
        return false;
    halt.self = self;
    halt.until = now_ns() + WAIT_NS;
    halt.starved = now_ns() + STARVED_NS;
    halt.on = ++halt.number;
    struct sigaction action = {.sa_sigaction = halt_entry,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    for (size_t i = 0; i < sizeof action.sa_mask;
         i++) /* no handler of the program's while it stands */
        ((uint8_t *)&action.sa_mask)[i] = 0xff;
    real.sigaction(GO_HALT_SIGNAL, &action, NULL);
    /* Others begin meanwhile, and would take goroutines and timers. */
    for (uint32_t before = UINT32_MAX; before != halt.count && !halt.failed;) {
        before = halt.count;
        task_each_thread(collect, NULL);
        halt_all();
    }
    return !halt.failed;
}

static void unknown(struct thread *thread, void *same)
{
    *(bool *)same &= is_known(thread);
}

bool go_halt_held(void)
{
    bool same = halt.items && !halt.failed;
    if (same)
        task_each_thread(unknown, &same);
    for (uint32_t i = 0; same && i < halt.count; i++) {
        const struct go_halted *halted = &halt.items[i];
        if (halted->calls)
            same = in_call(halted) && call_of(halted->thread->go->g) == halted->call;
        else if (halted->deaf)
            same = go_used_by(halted->tid) == halted->used;
    }
    return same;
}

void go_halt_end(void)
{
    halt.on = 0;
    raw4(SYS_futex, &halt.on, FUTEX_WAKE_PRIVATE, 1 << 30, NULL);
}

const struct go_halted *go_halt_find(uintptr_t g)
{
    for (uint32_t i = 0; i < halt.count; i++)
        if (halt.items[i].state == HALTED && halt.items[i].g == g)
            return &halt.items[i];
    return NULL;
}
