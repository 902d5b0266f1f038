/*
 * Fibers: contexts with a stack of their own that the program switches to (makecontext and its family), and what it says
 * of others through ThreadSanitizer's fiber functions. A fiber is a task like a goroutine, carried by one OS thread at a
 * time, perhaps by another one later; go_switch() changes what the thread carries.
 *
 * A context is known by its stack: whose stack the saved stack pointer lies in, that fiber is switched to; if it is no
 * fiber's it is the OS thread's own. So contexts may be copied and saved anywhere. A switch is an order: what was done
 * before it is before what the other one does next. (The program may say otherwise: __tsan_switch_to_fiber_no_sync.)
 *
 * The C library leaves a fiber that returns for its uc_link without a call that we see. So each begins in a function of
 * ours, which notes the end.
 */
#include <stdarg.h>
#include <ucontext.h>

#include "shim/abi.h"
#include "shim/clock.h"
#include "shim/fiber.h"
#include "shim/go.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/signal.h"
#include "shim/spin.h"
#include "shim/stack.h"
#include "shim/task.h"

#define ARGUMENTS 16

struct fiber {
    struct go go; /* first: the handle of a fiber is that of its struct go */
    uintptr_t low, high;
    void (*function)(void);
    long arguments[ARGUMENTS];
    const ucontext_t *link;
    bool ended;
    uint32_t generation; /* of fork: its task is of this process */
};

/* By the 64 KiB blocks that a stack touches, the newest first: it is the one that is valid where they overlap. */
#define BLOCK_LOG2 16
#define BUCKETS    (1u << 12)
struct place {
    struct fiber *fiber;
    struct place *next;
};
static struct place **buckets;
volatile bool fiber_any;
static struct spin lock;
static uint32_t generation;

void fiber_fork_child(struct thread *thread)
{
    spin_reset(&lock);
    generation++;
    thread->go = thread->go_own = NULL;
}

static struct place **bucket_of(uintptr_t block)
{
    return &buckets[block * 0x9e3779b97f4a7c15u >> 52];
}
static_assert(BUCKETS == 1u << 12, "bucket_of");

static struct fiber *fiber_at(uintptr_t sp)
{
    if (!buckets)
        return NULL;
    struct place *place = __atomic_load_n(bucket_of(sp >> BLOCK_LOG2), __ATOMIC_ACQUIRE);
    for (; place; place = place->next)
        if (sp > place->fiber->low && sp <= place->fiber->high)
            return place->fiber;
    return NULL;
}

/* The one that had exactly this stack before goes on as another: no places are needed for it. */
static struct fiber *fiber_get(uintptr_t low, uintptr_t high)
{
    struct fiber *fiber = fiber_at(high);
    if (fiber && fiber->low == low && fiber->high == high)
        return fiber;
    fiber = memory_get(sizeof *fiber);
    if (!fiber)
        return NULL;
    fiber->low = low;
    fiber->high = high;
    spin_lock(&lock);
    if (!buckets)
        buckets = memory_get(BUCKETS * sizeof *buckets);
    fiber_any = true;
    for (uintptr_t block = low >> BLOCK_LOG2; buckets && block <= high >> BLOCK_LOG2; block++) {
        struct place *place = memory_get(sizeof *place);
        if (!place)
            break;
        place->fiber = fiber;
        place->next = *bucket_of(block);
        __atomic_store_n(bucket_of(block), place, __ATOMIC_RELEASE);
    }
    spin_unlock(&lock);
    return fiber;
}

/* ---- tasks ---- */

static bool fiber_task(struct thread *thread, struct fiber *fiber, uintptr_t pc, uintptr_t frame)
{
    uint32_t task = task_make(thread);
    if (!task)
        return false;
    struct trace_task *record = task_record(task);
    record->kind = TRACE_TASK_FIBER;
    record->flags |= TRACE_TASK_DETACHED;
    record->create_stack = stack_here(thread, pc, frame);
    record->entry = (uintptr_t)fiber->function;
    record->handle = (uintptr_t)fiber;
    record->stack_low = fiber->low;
    record->stack_high = fiber->high;
    record->parent_segment = clock_new_segment(thread);
    fiber->go.task = task;
    fiber->go.held_count = 0;
    fiber->go.frame_count = 0;
    meaning_set(&fiber->go.meaning, NULL, 0, 0);
    fiber->ended = false;
    fiber->generation = generation;
    struct object *self = object_get(thread, (uintptr_t)fiber, TRACE_OBJECT_TASK);
    if (self)
        self->shown.owner = task;
    return true;
}

static void fiber_ended(struct thread *thread, struct fiber *fiber)
{
    struct trace_task *record = task_record(fiber->go.task);
    if (fiber->ended || fiber->generation != generation)
        return;
    fiber->ended = true;
    if (thread->go == &fiber->go)
        clock_new_segment(thread);
    record->end_tsc = tsc_now();
    record->exit = TRACE_EXIT_RETURN;
    __asm__ volatile("" ::: "memory");
    record->state = TRACE_TASK_ENDED;
}

/* A stack is gone, and with it who would have run on it: that is how a program is rid of a fiber. */
void fiber_stacks_gone(struct thread *thread, uintptr_t low, size_t size)
{
    for (uintptr_t block = low >> BLOCK_LOG2; size && block <= (low + size - 1) >> BLOCK_LOG2;
         block++) {
        struct place *place = __atomic_load_n(bucket_of(block), __ATOMIC_ACQUIRE);
        for (; place; place = place->next) {
            struct fiber *fiber = place->fiber;
            if (fiber->low >= low && fiber->high <= low + size && fiber->go.task &&
                thread->go != &fiber->go)
                fiber_ended(thread, fiber);
        }
    }
}

/* It runs nowhere until it is switched to: nothing can be said of what it waits for. */
static void suspend(struct thread *thread, uint32_t primitive, uintptr_t pc, uintptr_t frame)
{
    struct trace_task *record = thread->record;
    if (record->state == TRACE_TASK_ENDED)
        return;
    record->object = record->object2 = 0;
    record->primitive = primitive;
    record->wait_stack = stack_here(thread, pc, frame);
    record->since_tsc = tsc_now();
    record->flags &= ~TRACE_TASK_TIMED;
    task_held_show(thread);
    __asm__ volatile("" ::: "memory");
    record->state = TRACE_TASK_BLOCKED;
}

/* `primitive`: swapcontext if it can be switched back to, setcontext if it may have left for good. */
static void switch_to(struct thread *thread, struct go *to, uint32_t primitive, bool order,
                      uintptr_t pc, uintptr_t frame)
{
    struct go *from = go_present(thread);
    if (!from || from == to)
        return;
    uint32_t os_tid = thread->record->os_tid;
    suspend(thread, primitive, pc, frame);
    struct clock_pair pair = {.segment = clock_new_segment(thread), .task = thread->task};
    go_switch(thread, to);
    struct trace_task *record = thread->record;
    struct object *self = object_find(thread, record->handle, TRACE_OBJECT_TASK);
    if (record->state == TRACE_TASK_CREATED)
        clock_acquire_task(thread, record->parent, record->parent_segment, self, 0);
    record->os_tid = os_tid;
    if (record->state != TRACE_TASK_ENDED)
        record->state = TRACE_TASK_RUNNING;
    if (order)
        clock_learn(thread, &pair, 1, self, pc);
}

/* What the saved stack pointer says: a fiber, or the OS thread's own. NULL: there is no memory. */
static struct go *carried_at(struct thread *thread, uintptr_t sp, uintptr_t pc, uintptr_t frame)
{
    struct fiber *fiber = fiber_at(sp);
    if (!fiber)
        return go_present(thread) ? thread->go_own : NULL;
    if (fiber->generation != generation && !fiber_task(thread, fiber, pc, frame))
        return NULL;
    return &fiber->go;
}

static uintptr_t sp_of(const ucontext_t *context)
{
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
}

static NOINLINE void context_switch(const ucontext_t *to, uint32_t primitive, uintptr_t pc,
                                    uintptr_t frame)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct go *go = carried_at(thread, sp_of(to), pc, frame);
    if (go)
        switch_to(thread, go, primitive, true, pc, frame);
    thread_leave(thread);
}

/* Returned: its OS thread goes on with the link, or ends, as itself. */
static NOINLINE void fiber_left(struct fiber *fiber, const ucontext_t *link)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    fiber_ended(thread, fiber);
    struct go *go = link ? carried_at(thread, sp_of(link), RETURN_PC, frame) : thread->go_own;
    if (go)
        switch_to(thread, go, PRIMITIVE_setcontext, true, RETURN_PC, frame);
    thread_leave(thread);
}

/* Some programs make a context to begin a fiber, and from then on switch by siglongjmp, which is faster. */
void fiber_jump(uintptr_t sp, uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = buckets ? thread_enter() : NULL;
    if (!thread)
        return;
    struct go *go = carried_at(thread, sp, pc, frame);
    if (go)
        switch_to(thread, go, PRIMITIVE_setcontext, true, pc, frame);
    thread_leave(thread);
}

void fiber_thread_end(struct thread *thread)
{
    if (thread->record->kind == TRACE_TASK_FIBER && thread->go_own)
        switch_to(thread, thread->go_own, PRIMITIVE_setcontext, true, RETURN_PC,
                  (uintptr_t)__builtin_frame_address(0));
}

/* ---- ucontext ---- */

typedef void (*function_16)(long, long, long, long, long, long, long, long, long, long, long, long,
                            long, long, long, long);

/* More arguments than a function has do it no harm. */
static void fiber_main(struct fiber *fiber)
{
    const long *a = fiber->arguments;
    const ucontext_t *link = fiber->link;
    ((function_16)(uintptr_t)fiber->function)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8],
                                              a[9], a[10], a[11], a[12], a[13], a[14], a[15]);
    fiber_left(fiber, link);
}

static struct fiber *context_made(ucontext_t *context, void (*function)(void),
                                  const long arguments[ARGUMENTS], uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = context->uc_stack.ss_sp ? thread_enter() : NULL;
    if (!thread)
        return NULL;
    thread->events++;
    signal_watch_fatal();
    uintptr_t low = (uintptr_t)context->uc_stack.ss_sp;
    struct fiber *fiber = fiber_get(low, low + context->uc_stack.ss_size);
    if (fiber && fiber->go.task && fiber->generation == generation && thread->go != &fiber->go)
        fiber_ended(thread, fiber); /* its stack is another's now */
    if (fiber && thread->go == &fiber->go)
        fiber = NULL; /* it makes a context of the stack it runs on: not one that we could follow */
    if (fiber) {
        fiber->function = function;
        fiber->link = context->uc_link;
        raw_copy(fiber->arguments, arguments, sizeof fiber->arguments);
        if (!fiber_task(thread, fiber, pc, frame))
            fiber = NULL;
    }
    thread_leave(thread);
    return fiber;
}

EXPORT void makecontext(ucontext_t *context, void (*function)(void), int count, ...)
{
    LATE(makecontext);
    long a[ARGUMENTS] = {0};
    va_list rest;
    va_start(rest, count);
    for (int i = 0; i < count && i < ARGUMENTS; i++)
        a[i] = va_arg(rest, long);
    va_end(rest);
    struct fiber *fiber = count > ARGUMENTS ? NULL
                                            : context_made(context, function, a, RETURN_PC,
                                                           (uintptr_t)__builtin_frame_address(0));
    if (fiber)
        real.makecontext(context, (void (*)(void))(uintptr_t)fiber_main, 1, fiber);
    else
        real.makecontext(context, function, count, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7],
                         a[8], a[9], a[10], a[11], a[12], a[13], a[14], a[15]);
}

/* The real call returns when somebody switches back, perhaps in another OS thread: nothing of ours is kept across it. */
EXPORT int swapcontext(ucontext_t *restrict from, const ucontext_t *restrict to)
{
    LATE(swapcontext);
    context_switch(to, PRIMITIVE_swapcontext, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    return real.swapcontext(from, to);
}

EXPORT int setcontext(const ucontext_t *to)
{
    LATE(setcontext);
    context_switch(to, PRIMITIVE_setcontext, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    return real.setcontext(to);
}

/* ---- ThreadSanitizer's fibers: the handles are those of struct go ---- */

#define NO_SYNC 1u /* __tsan_switch_to_fiber_no_sync */

EXPORT void *__tsan_get_current_fiber(void)
{
    static __thread char nobody;
    struct thread *thread = thread_enter();
    if (!thread)
        return &nobody;
    struct go *go = go_present(thread);
    thread_leave(thread);
    return go;
}

EXPORT void *__tsan_create_fiber(unsigned flags)
{
    (void)flags;
    struct thread *thread = thread_enter();
    if (!thread)
        return NULL;
    struct fiber *fiber = memory_get(sizeof *fiber);
    if (fiber && !fiber_task(thread, fiber, RETURN_PC, (uintptr_t)__builtin_frame_address(0)))
        fiber = NULL;
    thread_leave(thread);
    return fiber;
}

EXPORT void __tsan_destroy_fiber(void *fiber)
{
    struct thread *thread = fiber ? thread_enter() : NULL;
    if (!thread)
        return;
    fiber_ended(thread, fiber);
    thread_leave(thread);
}

EXPORT void __tsan_switch_to_fiber(void *fiber, unsigned flags)
{
    struct thread *thread = fiber ? thread_enter() : NULL;
    if (!thread)
        return;
    thread->events++;
    struct go *go = fiber;
    uintptr_t pc = RETURN_PC, frame = (uintptr_t)__builtin_frame_address(0);
    bool lives = go == thread->go_own || ((struct fiber *)fiber)->generation == generation ||
                 fiber_task(thread, fiber, pc, frame);
    if (lives)
        switch_to(thread, go, PRIMITIVE_swapcontext, !(flags & NO_SYNC), pc, frame);
    thread_leave(thread);
}

EXPORT void __tsan_set_fiber_name(void *fiber, const char *name)
{
    struct thread *thread = fiber ? thread_enter() : NULL;
    if (!thread)
        return;
    char *to = task_record(((struct go *)fiber)->task)->name;
    for (size_t i = 0; i + 1 < sizeof task_record(0)->name; i++) {
        to[i] = *name;
        name += *name != 0;
    }
    thread_leave(thread);
}
