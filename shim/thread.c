/*
 * Creation, end and join of tasks: pthread_* and thrd_*, and what belongs to them (once, named semaphores).
 * A task is found by its handle through an object of kind TASK at the handle's address.
 */
#include "shim/thread.h"

#include <fcntl.h>
#include <stdarg.h>

#include "shim/access.h"
#include "shim/call.h"
#include "shim/clock.h"
#include "shim/confine.h"
#include "shim/directory.h"
#include "shim/go.h"
#include "shim/heap.h"
#include "shim/init.h"
#include "shim/misuse.h"
#include "shim/openmp.h"
#include "shim/own_stack.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/signal.h"
#include "shim/spin.h"
#include "shim/stack.h"
#include "shim/table.h"
#include "shim/task.h"

struct start {
    void *(*routine)(void *);
    int (*routine_c11)(void *);
    void *argument;
    uint32_t task;
    bool
        masked; /* the thread begins with all signals blocked; `mask` is what it should begin with */
    uint64_t mask;
    struct start *next_free;
};

/* The signal by which threads are cancelled. Who makes a thread in its handler (in what cleans up) has it blocked. */
#define CANCELING (UINT64_C(1) << 31)

static struct spin starts_lock;
static struct start *starts_free;

void thread_fork_child(void)
{
    spin_reset(&starts_lock);
}

/* ---- handles ---- */

static void handle_register(struct thread *thread, uintptr_t handle, uint32_t task)
{
    struct trace_task *record = task_record(task);
    struct object *object = object_find(thread, handle, TRACE_OBJECT_TASK);
    if (object && object->shown.owner == task)
        return;
    if (record->state == TRACE_TASK_ENDED && record->flags & TRACE_TASK_DETACHED)
        return; /* the handle may be another's by now */
    if (object && record->handle == handle)
        return; /* registered before, and since then the handle has become another task's */
    if (object)
        object_end(thread, object, TRACE_OBJECT_DESTROYED);
    object = object_get(thread, handle, TRACE_OBJECT_TASK);
    if (!object)
        return;
    object->shown.owner = task;
    object->shown.create_stack = record->create_stack;
    record->handle = handle;
}

static uint32_t handle_task(struct thread *thread, uintptr_t handle, struct object **object)
{
    struct object *found = object_find(thread, handle, TRACE_OBJECT_TASK);
    if (object)
        *object = found;
    return found ? found->shown.owner : 0;
}

/*
 * Where the calling thread's stack lies. The C library allocates for this: nothing of it is to be recorded. A handler
 * that ran meanwhile must not be lent what is gone afterwards.
 */
static void stack_bounds(struct trace_task *record, bool signals_blocked)
{
    pthread_attr_t attributes;
    struct heap_lent lent;
    void *low = NULL;
    size_t size = 0;
    if (signals_blocked)
        heap_lend(&lent);
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &low, &size);
        pthread_attr_destroy(&attributes);
        record->stack_low = (uintptr_t)low;
        record->stack_high = (uintptr_t)low + size;
    }
    heap_lend(NULL);
}

struct object *thread_register(struct thread *thread)
{
    uintptr_t handle = (uintptr_t)pthread_self();
    handle_register(thread, handle, thread->task);
    return object_find(thread, handle, TRACE_OBJECT_TASK);
}

/* ---- creation ---- */

static struct start *start_get(void)
{
    spin_lock(&starts_lock);
    struct start *start = starts_free;
    if (start)
        starts_free = start->next_free;
    spin_unlock(&starts_lock);
    return start ? start : memory_get(sizeof *start);
}

static void start_put(struct start *start)
{
    spin_lock(&starts_lock);
    start->next_free = starts_free;
    starts_free = start;
    spin_unlock(&starts_lock);
}

static void not_recorded(void)
{
    if (confined)
        confine_thread();
    else
        init_say_unborn();
}

static struct start *create_begin(uintptr_t entry, const pthread_attr_t *attributes, uintptr_t pc,
                                  uintptr_t frame)
{
    bool detached, inherits;
    thread_wish(attributes, &detached, &inherits);
    struct thread *thread = thread_enter();
    if (!thread) {
        if (UNLIKELY(shim_state == SHIM_OFF))
            not_recorded();
        return NULL;
    }
    thread->events++;
    if (UNLIKELY(init_incomplete))
        init_complete();
    directory_need();
    struct start *start = shim_state == SHIM_ON ? start_get() : NULL;
    uint32_t task = start ? task_make(thread) : 0;
    if (!task) {
        thread_leave(thread);
        return NULL;
    }
    signal_watch_fatal();
    struct trace_task *record = task_record(task);
    record->create_stack = stack_here(thread, pc, frame);
    record->entry = entry;
    if (detached)
        record->flags |= TRACE_TASK_DETACHED;
    if (UNLIKELY(go_is_runtime(pc) || openmp_creates()))
        record->flags |=
            TRACE_TASK_SYSTEM; /* it carries goroutines, or parts of parallel regions */
    record->parent_segment = thread->made = clock_new_segment(thread);
    start->task = task;
    start->masked = inherits;
    thread->within = frame;
    thread_leave(thread);
    return start;
}

static void create_end(uint32_t task, bool made, uintptr_t handle)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct trace_task *record = task_record(task);
    if (made)
        handle_register(thread, handle, task);
    else
        record->state = TRACE_TASK_UNUSED;
    thread->within = 0;
    thread_leave(thread);
}

struct ending {
    uint32_t task;
    bool returned;
};

static void thread_left(struct ending *ending)
{
    struct trace_task *record = task_record(ending->task);
    if (shim_state != SHIM_ON || record->exit)
        return;
    record->exit = ending->returned ? TRACE_EXIT_RETURN : TRACE_EXIT_CANCELED;
}

static void thread_attach_task(uint32_t task, bool signals_blocked)
{
    if (shim_state != SHIM_ON)
        return;
    thread_current = THREAD_GONE; /* what the C library allocates below is not the task's */
    stack_bounds(task_record(task), signals_blocked);
    thread_watch_end();
    thread_current = NULL;
    struct thread *thread = task_attach(task);
    if (thread)
        thread_leave(thread);
    else
        thread_current = THREAD_GONE;
}

static void thread_begin(const struct start *start)
{
    thread_attach_task(start->task, start->masked);
    uint64_t mask = start->mask & ~CANCELING;
    if (start->masked)
        raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

/* The new thread inherits this: no handler may run in it before it knows its task. */
static void signals_block(struct start *start)
{
    uint64_t all = SIGNALS_OF_PROGRAM;
    if (start->masked)
        raw4(SYS_rt_sigprocmask, SIG_BLOCK, &all, &start->mask, 8);
}

static void signals_restore(bool masked, uint64_t mask)
{
    if (masked)
        raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

static void *thread_main(void *data)
{
    struct start start = *(struct start *)data;
    start_put(data);
    struct ending ending
        __attribute__((cleanup(thread_left))) = {.task = start.task, .returned = false};
    thread_begin(&start);
    void *result = start.routine(start.argument);
    ending.returned = true;
    return result;
}

static int thread_main_c11(void *data)
{
    struct start start = *(struct start *)data;
    start_put(data);
    struct ending ending
        __attribute__((cleanup(thread_left))) = {.task = start.task, .returned = false};
    thread_begin(&start);
    int result = start.routine_c11(start.argument);
    ending.returned = true;
    return result;
}

EXPORT int pthread_create(pthread_t *handle, const pthread_attr_t *attributes,
                          void *(*routine)(void *), void *argument)
{
    struct start *start = create_begin((uintptr_t)routine, attributes, RETURN_PC,
                                       (uintptr_t)__builtin_frame_address(0));
    if (!start)
        return thread_create_with_room(handle, attributes, routine, argument);
    uint32_t task = start->task;
    start->routine = routine;
    start->argument = argument;
    signals_block(start);
    bool masked = start->masked;
    uint64_t mask = start->mask;
    int result = thread_create_with_room(handle, attributes, thread_main, start);
    signals_restore(masked, mask);
    if (result != 0)
        start_put(start);
    create_end(task, result == 0, result == 0 ? (uintptr_t)*handle : 0);
    return result;
}

EXPORT int thrd_create(thrd_t *handle, thrd_start_t routine, void *argument)
{
    struct start *start =
        create_begin((uintptr_t)routine, NULL, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    if (!start)
        return real.thrd_create(handle, routine, argument);
    uint32_t task = start->task;
    start->routine_c11 = routine;
    start->argument = argument;
    signals_block(start);
    bool masked = start->masked;
    uint64_t mask = start->mask;
    int result = thread_create_c11(handle, thread_main_c11, start);
    signals_restore(masked, mask);
    if (result != thrd_success)
        start_put(start);
    create_end(task, result == thrd_success, result == thrd_success ? (uintptr_t)*handle : 0);
    return result;
}

/* ---- join, detach, cancel ---- */

#define CALL                                                  \
    struct call call __attribute__((cleanup(call_leave))) = { \
        .pc = RETURN_PC, .frame = (uintptr_t)__builtin_frame_address(0)}

/* A foreign task counts as detached; whether it is only its maker knows. */
static bool known_detached(const struct trace_task *record)
{
    return (record->flags & (TRACE_TASK_DETACHED | TRACE_TASK_FOREIGN)) == TRACE_TASK_DETACHED;
}

static bool join_begin(struct call *call, uint32_t primitive, uintptr_t handle, uint32_t verb)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return false;
    call->thread = thread;
    call->guarded = true;
    call->primitive = primitive;
    call->kind = TRACE_OBJECT_TASK;
    thread->events++;
    uint32_t task = handle_task(thread, handle, &call->object);
    call->value = task;
    if (!task)
        return true;
    const struct trace_task *record = task_record(task);
    call->stack = stack_here(thread, call->pc, call->frame);
    uint32_t misuse = task == thread->task                ? TRACE_MISUSE_JOIN_SELF
                      : known_detached(record)            ? TRACE_MISUSE_JOIN_DETACHED
                      : record->flags & TRACE_TASK_JOINED ? TRACE_MISUSE_JOIN_TWICE
                                                          : TRACE_MISUSE_NONE;
    if (misuse)
        misuse_note(thread, misuse, call->object, call->stack, record->joined_by,
                    record->join_stack);
    if (trace_verbs[verb].before & VERB_MAY_BLOCK && record->state != TRACE_TASK_ENDED && !misuse)
        call_block(call, trace_verbs[verb].before);
    return true;
}

static void join_end(struct call *call, bool joined)
{
    call_return(call, 0, 0);
    if (!joined || !call->value || shim_state != SHIM_ON)
        return;
    uint32_t task = (uint32_t)call->value;
    struct trace_task *record = task_record(task);
    __atomic_fetch_or(&record->flags, TRACE_TASK_JOINED, __ATOMIC_RELAXED);
    record->joined_by = call->thread->task;
    record->join_stack = call->stack;
    clock_acquire_task(call->thread, task, record->segment, call->object, call->pc);
}

#define JOIN(fn, verb, handle_type, params, args, handle, good)                                \
    EXPORT int fn params                                                                       \
    {                                                                                          \
        CALL;                                                                                  \
        struct own_stack *own = own_stack_of((uintptr_t)(handle));                             \
        bool known = join_begin(&call, PRIMITIVE_##fn, (uintptr_t)(handle), VERB_##verb##_ID); \
        int result = real.fn args;                                                             \
        if (result == (good))                                                                  \
            own_stack_release(own);                                                            \
        if (known)                                                                             \
            join_end(&call, result == (good));                                                 \
        return result;                                                                         \
    }

JOIN(pthread_join, JOIN, pthread_t, (pthread_t h, void **r), (h, r), h, 0)
JOIN(pthread_tryjoin_np, TRYJOIN, pthread_t, (pthread_t h, void **r), (h, r), h, 0)
JOIN(pthread_timedjoin_np, TIMEDJOIN, pthread_t, (pthread_t h, void **r, const struct timespec *t),
     (h, r, t), h, 0)
JOIN(pthread_clockjoin_np, TIMEDJOIN, pthread_t,
     (pthread_t h, void **r, clockid_t c, const struct timespec *t), (h, r, c, t), h, 0)
JOIN(thrd_join, JOIN, thrd_t, (thrd_t h, int *r), (h, r), h, thrd_success)

static void detach(uintptr_t handle, uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct object *object;
    uint32_t task = handle_task(thread, handle, &object);
    if (task) {
        struct trace_task *record = task_record(task);
        if (known_detached(record))
            misuse_note(thread, TRACE_MISUSE_DETACH_TWICE, object, stack_here(thread, pc, frame), 0,
                        0);
        __atomic_fetch_or(&record->flags, TRACE_TASK_DETACHED, __ATOMIC_RELAXED);
    }
    thread_leave(thread);
}

EXPORT int pthread_detach(pthread_t handle)
{
    detach((uintptr_t)handle, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    struct own_stack *own = own_stack_of((uintptr_t)handle);
    int result = real.pthread_detach(handle);
    if (result == 0)
        own_stack_release(own);
    return result;
}

EXPORT int thrd_detach(thrd_t handle)
{
    detach((uintptr_t)handle, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    return real.thrd_detach(handle);
}

static void exit_note(uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->record->exit = TRACE_EXIT_PTHREAD_EXIT;
    thread->record->exit_stack = stack_here(thread, pc, frame);
    thread_leave(thread);
}

EXPORT void pthread_exit(void *result)
{
    exit_note(RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    real.pthread_exit(result);
    __builtin_unreachable();
}

EXPORT void thrd_exit(int result)
{
    exit_note(RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    real.thrd_exit(result);
    __builtin_unreachable();
}

EXPORT int pthread_cancel(pthread_t handle)
{
    struct thread *thread = thread_enter();
    if (thread) {
        struct object *object;
        uint32_t task = handle_task(thread, (uintptr_t)handle, &object);
        if (task) {
            __atomic_fetch_or(&task_record(task)->flags, TRACE_TASK_CANCEL_SENT, __ATOMIC_RELAXED);
            clock_release_join(thread, object);
        }
        thread_leave(thread);
    }
    return real.pthread_cancel(handle);
}

EXPORT int pthread_setname_np(pthread_t handle, const char *name)
{
    int result = real.pthread_setname_np(handle, name);
    struct thread *thread = result == 0 ? thread_enter() : NULL;
    if (!thread)
        return result;
    uint32_t task = handle_task(thread, (uintptr_t)handle, NULL);
    if (task) {
        char *to = task_record(task)->name;
        for (uint32_t i = 0; i < sizeof task_record(task)->name; i++) {
            to[i] = *name;
            name += *name != 0;
        }
    }
    thread_leave(thread);
    return result;
}

/* ---- one-time initialisation: who runs it publishes, everybody else is after that ---- */

struct once {
    void (*routine)(void);
    struct call *call;
    struct once *outer;
};
static __thread struct once *once_now;

static void once_run(void)
{
    struct once *once = once_now;
    struct call *call = once->call;
    call_return(call, 0, 0); /* we do not wait: we run it */
    call->guarded = false;
    thread_leave(call->thread);
    once_now = once->outer;
    once->routine();
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    clock_release(thread, call->object);
    call->object->shown.value = 1;
    thread_leave(thread);
}

static bool once_begin(struct call *call, uint32_t primitive, uintptr_t address)
{
    if (!call_enter(call, primitive, TRACE_OBJECT_ONCE, address, 0, 0))
        return false;
    if (!call->object->shown.value && table_tasks.count > 2) /* a lone task waits for nobody */
        call_block(call, VERB_MAY_BLOCK);
    return true;
}

EXPORT int pthread_once(pthread_once_t *control, void (*routine)(void))
{
    CALL;
    if (!once_begin(&call, PRIMITIVE_pthread_once, (uintptr_t)control))
        return real.pthread_once(control, routine);
    struct once once = {.routine = routine, .call = &call, .outer = once_now};
    once_now = &once;
    int result = real.pthread_once(control, once_run);
    once_now = once.outer;
    call_return(&call, result == 0, VERB_ACQUIRE);
    return result;
}

EXPORT void call_once(once_flag *control, void (*routine)(void))
{
    CALL;
    if (!once_begin(&call, PRIMITIVE_call_once, (uintptr_t)control)) {
        real.call_once(control, routine);
        return;
    }
    struct once once = {.routine = routine, .call = &call, .outer = once_now};
    once_now = &once;
    real.call_once(control, once_run);
    once_now = once.outer;
    call_return(&call, 1, VERB_ACQUIRE);
}

/* ---- named semaphores ---- */

EXPORT sem_t *sem_open(const char *name, int flags, ...)
{
    mode_t mode = 0;
    unsigned value = 0;
    if (flags & O_CREAT) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        value = va_arg(rest, unsigned);
        va_end(rest);
    }
    uintptr_t pc = RETURN_PC, frame = (uintptr_t)__builtin_frame_address(0);
    sem_t *semaphore = real.sem_open(name, flags, mode, value);
    struct thread *thread = semaphore != SEM_FAILED ? thread_enter() : NULL;
    if (!thread)
        return semaphore;
    struct object *object = object_get(thread, (uintptr_t)semaphore, TRACE_OBJECT_SEMAPHORE);
    if (object) {
        object->shown.flags |= TRACE_OBJECT_INIT_SEEN | TRACE_OBJECT_SHARED;
        object->shown.create_stack = stack_here(thread, pc, frame);
        int now = 0;
        sem_getvalue(semaphore, &now);
        object->shown.value = now;
    }
    thread_leave(thread);
    return semaphore;
}

EXPORT int sem_close(sem_t *semaphore)
{
    struct thread *thread = thread_enter();
    if (thread) {
        struct object *object = object_find(thread, (uintptr_t)semaphore, TRACE_OBJECT_SEMAPHORE);
        if (object)
            object_end(thread, object, TRACE_OBJECT_DESTROYED);
        thread_leave(thread);
    }
    return real.sem_close(semaphore);
}
