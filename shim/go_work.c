/*
 * Goroutines that run when the process ends: are they at work, or only about to end or to wait, as one that has just said
 * that it is done? Nothing is recorded any more; the runtime goes on. Who uses the processor for WORK_NS more, without
 * having been switched away from (the tick of its P stands still), is at work, and a sample of its stack is taken: by a
 * signal, whose handler looks at where it came. Processor time, so that a busy machine makes no difference; who does not
 * get that much within WAIT_NS is left alone, unless it only waits for a processor: then within STARVED_NS.
 */
#include "shim/go_halt.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <time.h>

#include "shim/raw.h"
#include "shim/real.h"
#include "shim/stack.h"
#include "shim/table.h"
#include "shim/task.h"

#include "shim/banned.h"

#define RUNNING_MAX  32u
#define WORK_NS      UINT64_C(20000000)
#define WAIT_NS      UINT64_C(1000000000)
#define STARVED_NS   UINT64_C(10000000000)
#define SAMPLE_NS    UINT64_C(200000000)
#define SAMPLE_TRIES 8u
#define STATUS_MASK  0xfffu
#define STATUS_RUNS  2u

struct running {
    struct go *go;
    struct thread *thread;
    uint32_t tid, tick;
    uint64_t used; /* processor time of its thread, when it was first looked at */
    bool settled;
};

struct all {
    struct running items[RUNNING_MAX];
    uint32_t count;
    const struct thread *self;
};

static uint64_t clock_read_ns(clockid_t clock)
{
    struct timespec time = {0, 0};
    if (raw2(SYS_clock_gettime, clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static bool runs(const struct go *go)
{
    uint32_t status = *(volatile uint32_t *)(go->g + go_layout.g_status) & STATUS_MASK;
    return status == STATUS_RUNS && go->id == go_id_of(go->g);
}

/* How often the P that carries it has been given something to run; false: none carries it. */
static bool tick_of(const struct go *go, uint32_t *tick)
{
    uintptr_t m = *(volatile uintptr_t *)(go->g + go_layout.g_m);
    uintptr_t p = m ? *(volatile uintptr_t *)(m + go_layout.m_p) : 0;
    if (!p)
        return false;
    *tick = *(volatile uint32_t *)(p + go_layout.p_tick);
    return true;
}

static void collect(struct go *go, void *data)
{
    struct all *all = data;
    struct thread *thread = go->thread;
    if (!go->task || !go->g || !thread || thread == all->self || thread->go != go ||
        all->count == RUNNING_MAX)
        return;
    const struct trace_task *record = task_record(go->task);
    if (record->kind != TRACE_TASK_GOROUTINE || record->state != TRACE_TASK_RUNNING ||
        record->flags & TRACE_TASK_SYSTEM)
        return;
    struct running running = {
        .go = go, .thread = thread, .tid = task_record(thread->go_own->task)->os_tid};
    if (!runs(go) || !tick_of(go, &running.tick))
        return;
    running.used = go_used_by(running.tid);
    all->items[all->count++] = running;
}

/* ---- a sample ---- */

enum { IDLE, ASKED, TAKEN, ANSWERED };
static struct {
    const struct thread *thread;
    const struct go *go;
    volatile uint32_t state;
    uint32_t stack;
} sample;

static uint32_t stack_at(struct thread *thread, const ucontext_t *context)
{
    const greg_t *gregs = context->uc_mcontext.gregs;
    struct stack_registers registers;
#define X(lower, upper) registers.lower = (uint64_t)gregs[REG_##upper];
    STACK_REGISTERS(X)
#undef X
    uintptr_t pc = (uintptr_t)gregs[REG_RIP];
    uint64_t pcs[TRACE_STACK_DEPTH] = {pc + 1}; /* as a return address stands behind its call */
    uint32_t count;
    const uint64_t *frames = stack_frames(stack_of(thread, pc, pc, &registers), &count);
    if (count > TRACE_STACK_DEPTH - 1)
        count = TRACE_STACK_DEPTH - 1;
    for (uint32_t i = 0; i < count; i++)
        pcs[i + 1] = frames[i];
    return stack_put(pcs, count + 1);
}

static void sample_entry(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    struct thread *thread = thread_current;
    uint32_t asked = ASKED;
    int error = errno;
    if (sample.thread != thread || !__atomic_compare_exchange_n(&sample.state, &asked, TAKEN, false,
                                                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    if (!thread->busy && thread->go == sample.go) {
        thread->busy = 1;
        sample.stack = stack_at(thread, context);
        thread_leave(thread);
    }
    __atomic_store_n(&sample.state, ANSWERED, __ATOMIC_SEQ_CST);
    errno = error;
}

static void nap(void)
{
    const struct timespec time = {0, 500000};
    raw2(SYS_nanosleep, &time, NULL);
}

static uint32_t sample_take(const struct running *running)
{
    sample.thread = running->thread;
    sample.go = running->go;
    sample.stack = 0;
    __atomic_store_n(&sample.state, ASKED, __ATOMIC_SEQ_CST);
    uint64_t until = clock_read_ns(CLOCK_MONOTONIC) + SAMPLE_NS;
    if (raw3(SYS_tgkill, raw0(SYS_getpid), running->tid, GO_HALT_SIGNAL) != 0)
        return 0;
    while (sample.state != ANSWERED && clock_read_ns(CLOCK_MONOTONIC) < until)
        nap();
    uint32_t asked = ASKED;
    __atomic_compare_exchange_n(&sample.state, &asked, IDLE, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return sample.state == ANSWERED ? sample.stack : 0;
}

/* ---- */

static bool settle(struct running *running)
{
    uint32_t tick;
    if (!runs(running->go) || !tick_of(running->go, &tick) || tick != running->tick)
        return true;
    if (go_used_by(running->tid) < running->used + WORK_NS)
        return false;
    struct trace_task *record = task_record(running->go->task);
    uint32_t stack = 0;
    for (uint32_t i = 0; i < SAMPLE_TRIES && !stack && runs(running->go); i++)
        stack = sample_take(running);
    if (stack)
        record->exit_stack = stack;
    record->flags |= TRACE_TASK_AT_WORK;
    return true;
}

static bool may_yet_work(const struct running *running, uint64_t waited)
{
    return waited < WAIT_NS || (waited < STARVED_NS && go_would_run(running->tid));
}

void go_work(struct thread *thread)
{
    struct all all = {.self = thread};
    if (go_layout.end_known)
        go_each(collect, &all);
    if (!all.count)
        return;
    struct sigaction action = {.sa_sigaction = sample_entry,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    real.sigaction(GO_HALT_SIGNAL, &action, NULL);
    uint64_t start = clock_read_ns(CLOCK_MONOTONIC);
    for (uint32_t left = all.count; left;) {
        nap();
        uint64_t waited = clock_read_ns(CLOCK_MONOTONIC) - start;
        for (uint32_t i = 0; i < all.count; i++) {
            struct running *running = &all.items[i];
            if (running->settled || (!settle(running) && may_yet_work(running, waited)))
                continue;
            running->settled = true;
            left--;
        }
    }
}
