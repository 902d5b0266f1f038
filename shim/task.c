/*
 * Tasks and thread states. A thread state (struct thread) is taken from a pool when an OS thread begins and goes back
 * when it ends; its streams go with it, so that ten thousand threads in a row need as many files as live at once.
 */
#include "shim/task.h"

#include <time.h>

#include "shim/access.h"
#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/directory.h"
#include "shim/held.h"
#include "shim/misuse.h"
#include "shim/object.h"
#include "shim/outside.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/stack.h"
#include "shim/stream.h"
#include "shim/table.h"
#include "shim/thread.h"

__thread struct thread *thread_current;
bool task_names;

static struct spin threads_lock;
static struct thread *threads_free;
#define THREADS 65536u
static struct thread **threads; /* by slot */
static uint32_t thread_count;

struct trace_task *task_record(uint32_t task)
{
    return table_slot(&table_tasks, task);
}

uint32_t task_make(struct thread *creator)
{
    uint32_t task = table_take(&table_tasks, 1);
    if (!task) {
        __atomic_fetch_add(&process_record()->lost_tasks, 1, __ATOMIC_RELAXED);
        shim_off("no room for more tasks");
        return 0;
    }
    struct trace_task *record = task_record(task);
    record->kind = TRACE_TASK_THREAD;
    record->segment = 1;
    record->create_tsc = tsc_now();
    if (creator) {
        record->parent = creator->task;
        record->parent_segment = creator->segment;
    }
    record->state = TRACE_TASK_CREATED;
    return task;
}

uint32_t task_make_clock(void)
{
    uint32_t task = task_make(NULL);
    if (task)
        task_record(task)->kind = TRACE_TASK_CLOCK;
    return task;
}

static struct thread *thread_get(void)
{
    spin_lock(&threads_lock);
    struct thread *thread = threads_free;
    if (thread)
        threads_free = thread->next_free;
    spin_unlock(&threads_lock);
    if (thread)
        return thread;
    thread = memory_get(sizeof *thread);
    if (!thread)
        return NULL;
    spin_lock(&threads_lock);
    if (thread_count < THREADS) {
        /* Whole before it can be found: a fork by another thread may come anywhere in between. */
        thread->slot = thread_count;
        stream_setup(&thread->sync, TRACE_FILE_SYNC, thread->slot);
        stream_setup(&thread->access_stream, TRACE_FILE_ACCESS, thread->slot);
        threads[thread_count] = thread;
        __atomic_store_n(&thread_count, thread_count + 1, __ATOMIC_RELEASE);
        process_record()->streams = thread_count;
    } else {
        thread = NULL;
    }
    spin_unlock(&threads_lock);
    return thread;
}

/* Nobody knows who made a foreign task. So that no race with it is wrong it is taken to be after all that is going on:
 * after the present segment, though that is not over, of every other task. A reader that follows would have to wait for
 * the end of that segment; so of a task that sleeps, whose present segment is empty then, it is the one before. */
static void after_all(struct thread *other, void *data)
{
    struct thread *thread = data;
    if (other == thread)
        return;
    uint64_t segment = __atomic_load_n(&other->segment, __ATOMIC_ACQUIRE);
    bool asleep = __atomic_load_n(&other->record->state, __ATOMIC_ACQUIRE) == TRACE_TASK_BLOCKED &&
                  __atomic_load_n(&other->segment, __ATOMIC_ACQUIRE) == segment;
    clock_acquire_task(thread, other->task,
                       segment - (shim_options.digest && asleep && segment > 1), NULL, 0);
}

struct thread *task_attach(uint32_t task)
{
    struct thread *thread = thread_get();
    if (!thread)
        return NULL;
    thread->busy = 1;
    thread->task = task;
    thread->record = task_record(task);
    thread->segment = thread->record->segment;
    thread->held_count = thread->held_beyond = 0;
    thread->held_hash = thread->made = 0;
    meaning_set(&thread->meaning, NULL, 0, 0);
    thread->ended = thread->ignores_sync = 0;
    thread->go = thread->go_own = NULL;
    raw_zero(thread->seen, sizeof thread->seen);
    stack_reset(thread);
    thread->record->os_tid = (uint32_t)raw0(SYS_gettid);
    thread->record->state = TRACE_TASK_RUNNING;
    thread_current = thread;
    sync_switch(thread);
    struct object *own = thread_register(thread);
    if (thread->record->flags & TRACE_TASK_FOREIGN)
        task_each_thread(after_all, thread);
    if (thread->record->parent)
        clock_acquire_task(thread, thread->record->parent, thread->record->parent_segment, own, 0);
    access_thread_start(thread);
    if (thread->record->flags & TRACE_TASK_FOREIGN)
        outside_learns(thread); /* of tasks that are over, too */
    return thread;
}

/* Held objects into the live slot, so that readers see what a blocked or ended task holds. */
void task_held_show(struct thread *thread)
{
    struct trace_task *record = thread->record;
    uint32_t count = thread->held_count < TRACE_HELD_MAX ? thread->held_count : TRACE_HELD_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct held *held = &thread->held[i];
        record->held[i] = (struct trace_held){.object = object_id(held->object),
                                              .stack = held->stack,
                                              .mode = held->mode,
                                              .count = held->count};
    }
    record->held_count = thread->held_count + thread->held_beyond;
}

/* A wait for what others do; to wait for a lock or the end of a task is what it is, whatever was said. */
static bool is_means(const struct object *object)
{
    return !object || object->shown.kind == TRACE_OBJECT_COND ||
           object->shown.kind == TRACE_OBJECT_SEMAPHORE ||
           object->shown.kind == TRACE_OBJECT_FUTEX || object->shown.kind == TRACE_OBJECT_FD ||
           object->shown.kind == TRACE_OBJECT_PIPE || object->shown.kind == TRACE_OBJECT_SOCKET ||
           object->shown.kind == TRACE_OBJECT_EVENTFD;
}

/* The cases of a select, if it is one. */
void task_cases_show(struct thread *thread)
{
    const struct meaning *meaning = &thread->meaning;
    uint64_t words[MEANING_OTHERS + 1];
    uint32_t count = meaning->other_count;
    if (!count)
        return;
    for (uint32_t i = 0; i < count; i++)
        words[i] = meaning->others[i];
    words[count] = (uint64_t)object_id(meaning->object) << 1 |
                   (trace_primitives[meaning->primitive].verb == VERB_GIVE_ID);
    thread->record->list = stack_put_list(words, count + 1);
    thread->record->wait_value = count + 1;
}

static void meaning_show(struct thread *thread)
{
    struct meaning *meaning = &thread->meaning;
    struct trace_task *record = thread->record;
    record->object = object_id(meaning->object);
    record->object2 = 0;
    record->primitive = meaning->primitive;
    record->wait_stack = meaning->stack;
    record->wait_value = 0;
    task_cases_show(thread);
    __atomic_fetch_add(&meaning->object->shown.waiters, 1, __ATOMIC_RELAXED);
    meaning->shown = true;
}

void task_block(struct thread *thread, uint32_t primitive, struct object *object,
                struct object *second, bool timed, uint64_t value, uint32_t stack)
{
    struct trace_task *record = thread->record;
    if (!timed)
        directory_need();
    if (UNLIKELY(shim_options.digest))
        clock_new_segment(
            thread); /* nobody has to wait for what a task does when it wakes up: after_all() */
    else
        access_flush(thread);
    record->object = object_id(object);
    record->object2 = object_id(second);
    record->primitive = primitive;
    record->wait_stack = stack;
    record->wait_value = value;
    record->since_tsc = tsc_now();
    if (timed)
        record->flags |= TRACE_TASK_TIMED;
    else
        record->flags &= ~TRACE_TASK_TIMED;
    task_held_show(thread);
    if (object)
        __atomic_fetch_add(&object->shown.waiters, 1, __ATOMIC_RELAXED);
    if (UNLIKELY(thread->meaning.object && !thread->meaning.shown && is_means(object)))
        meaning_show(thread);
    __asm__ volatile("" ::: "memory");
    record->state = TRACE_TASK_BLOCKED;
}

void task_unblock(struct thread *thread, struct object *object)
{
    thread->record->state = TRACE_TASK_RUNNING;
    if (UNLIKELY(thread->meaning.shown)) {
        __atomic_fetch_sub(&thread->meaning.object->shown.waiters, 1, __ATOMIC_RELAXED);
        thread->meaning.shown = false;
        if (thread->meaning.other_count)
            thread->record->list = 0;
    }
    if (object)
        __atomic_fetch_sub(&object->shown.waiters, 1, __ATOMIC_RELAXED);
}

void task_name(struct trace_task *record)
{
    raw_zero(record->name, sizeof record->name);
    raw6(SYS_prctl, 16 /* PR_GET_NAME */, (long)record->name, 0, 0, 0, 0);
}

void task_end(struct thread *thread)
{
    struct trace_task *record = thread->record;
    if (thread->held_count) {
        misuse_exit_holding(thread);
        held_left(thread);
    }
    task_held_show(thread);
    if (!record->name[0])
        task_name(record);
    outside_tells(thread); /* that it is gone */
    access_thread_end(thread);
    clock_new_segment(thread); /* whoever joins is after the segment that ends here */
    record->segment = thread->segment - 1;
    record->end_tsc = tsc_now();
    __atomic_fetch_add(&process_record()->events, thread->events, __ATOMIC_RELAXED);
    thread->events = 0;
    __asm__ volatile("" ::: "memory");
    record->state = TRACE_TASK_ENDED;
    thread_current = THREAD_GONE;
    thread->ended = 1;
    thread->busy = 0;
    spin_lock(&threads_lock);
    thread->next_free = threads_free;
    threads_free = thread;
    spin_unlock(&threads_lock);
}

void task_each_thread(void (*visit)(struct thread *thread, void *data), void *data)
{
    uint32_t count = thread_count;
    for (uint32_t i = 0; i < count; i++)
        if (threads[i] && !threads[i]->ended)
            visit(threads[i], data);
}

static uint64_t now_ns(void)
{
    struct timespec time = {0, 0};
    raw2(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void still_busy(struct thread *thread, void *data)
{
    uint32_t *busy = data;
    if (thread != thread_current && thread->busy)
        ++*busy;
}

void task_await_rest(void)
{
    uint64_t until = now_ns() + 20000000u;
    for (;;) {
        uint32_t busy = 0;
        task_each_thread(still_busy, &busy);
        if (!busy || now_ns() > until)
            return;
        raw0(SYS_sched_yield);
    }
}

static bool detached_runs(void)
{
    uintptr_t self = (uintptr_t)thread_current;
    uint32_t own = self > 1 ? thread_current->task : 0, count = table_tasks.count;
    for (uint32_t task = 1; task < count; task++) {
        const struct trace_task *record = task_record(task);
        if (task != own && record->kind == TRACE_TASK_THREAD &&
            record->flags & TRACE_TASK_DETACHED &&
            !(record->flags & (TRACE_TASK_FOREIGN | TRACE_TASK_SYSTEM)) &&
            (record->state == TRACE_TASK_RUNNING || record->state == TRACE_TASK_CREATED))
            return true;
    }
    return false;
}

void task_await_detached(uint64_t milliseconds)
{
    static const struct timespec nap = {0, 1000000};
    uint64_t until = now_ns() + milliseconds * 1000000u;
    while (detached_runs() && now_ns() < until)
        raw2(SYS_nanosleep, &nap, NULL);
}

bool task_setup(void)
{
    threads = memory_get(THREADS * sizeof *threads);
    if (!threads)
        return false;
    uint32_t task = task_make(NULL);
    if (!task)
        return false;
    task_record(task)->flags |= TRACE_TASK_MAIN;
    struct thread *thread = task_attach(task);
    if (!thread)
        return false;
    task_name(thread->record);
    thread_leave(thread);
    return true;
}

void task_fork_child(struct thread *thread)
{
    spin_reset(&threads_lock);
    struct trace_task was = *thread->record;
    uint32_t count = table_tasks.count;
    raw_zero(task_record(1), (count - 1) * sizeof(struct trace_task));
    table_tasks.count = 1;
    process_record()->streams = thread_count;
    for (uint32_t i = 0; i < thread_count; i++) {
        stream_abandon(&threads[i]->sync);
        stream_abandon(&threads[i]->access_stream);
        threads[i]->sync_codec = (struct trace_sync_codec){0};
        if (threads[i] == thread)
            continue;
        threads[i]->access = NULL; /* it may have been in the middle of anything */
        if (!threads[i]->ended) {
            threads[i]->ended = 1;
            threads[i]->next_free = threads_free;
            threads_free = threads[i];
        }
    }
    process_record()->streams = thread_count;
    uint32_t task = task_make(NULL);
    struct trace_task *record = task_record(task);
    record->flags = TRACE_TASK_MAIN;
    record->handle = was.handle;
    record->stack_low = was.stack_low;
    record->stack_high = was.stack_high;
    raw_copy(record->name, was.name, sizeof record->name);
    record->os_tid = (uint32_t)raw0(SYS_gettid);
    record->state = TRACE_TASK_RUNNING;
    thread->task = task;
    thread->record = record;
    thread->segment = 1;
    raw_zero(thread->seen, sizeof thread->seen);
    sync_switch(thread);
}
