/*
 * Goroutines as tasks: found by the runtime's g, switched to and from as the scheduler does, made and ended. See go.h.
 *
 * Invariant: while a goroutine is not on a thread, what `struct thread` holds for a task is in its `struct go` and in its
 * live slot; a `struct go` belongs to one g for good, as g's are never freed, and to one task after another.
 */
#include "shim/go_memory.h"

#include "shim/access.h"
#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/directory.h"
#include "shim/held.h"
#include "shim/raw.h"
#include "shim/signal.h"
#include "shim/stack.h"
#include "shim/table.h"
#include "shim/task.h"

#define BUCKETS    (1u << 16)

#define ENDED_KEPT 4096u /* slots of ended goroutines that nobody may have yet */
#define ENDED_ROOM (4 * ENDED_KEPT)

static struct go **buckets;
static struct spin ended_lock;
static uint32_t ended[ENDED_ROOM];
static uint32_t ended_first, ended_count;
static struct spin buckets_lock;
bool go_tests;

/* ---- from g to struct go ---- */

/* Those made one after the other lie one after the other, some 1400 bytes apart; so do their buckets. Scattered, each of
 * some thousand goroutines had a line of the cache for its bucket alone. */
static struct go **bucket_of(uintptr_t g)
{
    return &buckets[(g >> 10) % BUCKETS];
}

static struct go *bucket_search(struct go *first, uintptr_t g)
{
    while (first && first->g != g)
        first = __atomic_load_n(&first->next, __ATOMIC_ACQUIRE);
    return first;
}

/* Chains only grow, so looking needs no lock. */
static struct go *search(uintptr_t g)
{
    return buckets ? bucket_search(__atomic_load_n(bucket_of(g), __ATOMIC_ACQUIRE), g) : NULL;
}

struct go *go_known(uintptr_t g)
{
    return search(g);
}

static struct go *insert(uintptr_t g)
{
    spin_lock(&buckets_lock);
    if (!buckets)
        buckets = memory_get(BUCKETS * sizeof *buckets);
    struct go *go = buckets ? bucket_search(*bucket_of(g), g) : NULL;
    if (!go && buckets && (go = memory_get(sizeof *go))) {
        go->g = g;
        go->next = *bucket_of(g);
        __atomic_store_n(bucket_of(g), go, __ATOMIC_RELEASE);
    }
    spin_unlock(&buckets_lock);
    if (!go)
        shim_off("no memory for a goroutine");
    return go;
}

void go_each(void (*visit)(struct go *go, void *data), void *data)
{
    for (uint32_t i = 0; buckets && i < BUCKETS; i++)
        for (struct go *go = buckets[i]; go; go = go->next)
            visit(go, data);
}

static void forget(struct go *go, void *data)
{
    (void)data;
    go->id = 0;
    go->task = go->scheduler = go->callbacks = 0;
    go->held_count = 0;
    go->frame_count = 0;
    go->carried = NULL;
}

/* The goroutines of the parent do not exist here; its threads neither. */
void go_fork_child(void)
{
    spin_reset(&buckets_lock);
    spin_reset(&ended_lock);
    ended_count = 0;
    go_each(forget, NULL);
}

/* ---- tasks ---- */

/*
 * Slots of goroutines that have ended, oldest first. Without accesses nothing is said of a goroutine after its end, but
 * that somebody was made or let go by it; so its slot becomes another's, which goes on counting its segments: the one is
 * taken to be after the other, which may hide a predicted deadlock and cannot make one up.
 */

static void slot_give(uint32_t task)
{
    if (process_record()->flags & TRACE_PROCESS_ACCESSES)
        return;
    spin_lock(&ended_lock);
    if (ended_count < ENDED_ROOM)
        ended[(ended_first + ended_count++) % ENDED_ROOM] = task;
    spin_unlock(&ended_lock);
}

/*
 * What one has in its slot that never waited, never held a lock at its end and has no name is in the first two of its eight
 * lines: only these need be in the cache. Those of the slot that comes next are fetched meanwhile.
 */
#define SLOT_HOT 128u
static_assert(offsetof(struct trace_task, since_tsc) + sizeof(uint64_t) <= SLOT_HOT, "hot");

static void slot_clear(struct trace_task *record)
{
    if (record->since_tsc || go_tests || task_names)
        raw_zero(record, sizeof *record);
    for (volatile uint64_t *word = (void *)record, *end = word + SLOT_HOT / 8; word < end; word++)
        *word = 0; /* to start a `rep stos` takes longer than this */
    char *next = (char *)task_record(ended[ended_first]);
    __builtin_prefetch(next, 1);
    __builtin_prefetch(next + 64, 1);
}

static uint32_t slot_take(const struct thread *creator)
{
    uint32_t task = 0;
    if (ended_count < ENDED_KEPT || process_record()->flags & TRACE_PROCESS_ACCESSES)
        return 0;
    spin_lock(&ended_lock);
    if (ended_count >= ENDED_KEPT) {
        task = ended[ended_first];
        ended_first = (ended_first + 1) % ENDED_ROOM;
        ended_count--;
    }
    spin_unlock(&ended_lock);
    if (!task)
        return 0;
    struct trace_task *record = task_record(task);
    uint64_t segment = record->segment + 2; /* 1 is the end of the one before */
    record->state = TRACE_TASK_UNUSED;
    slot_clear(record);
    record->segment = segment;
    record->create_tsc = tsc_now();
    if (creator)
        record->parent = creator->task;
    return task;
}

static struct go *bind(struct thread *creator, uintptr_t g)
{
    struct go *go = search(g);
    if (!go && !(go = insert(g)))
        return NULL;
    uint32_t task = slot_take(creator);
    if (!task)
        task = task_make(creator);
    if (!task)
        return NULL;
    __atomic_fetch_add(&process_record()->goroutines, 1, __ATOMIC_RELAXED);
    struct trace_task *record = task_record(task);
    record->kind = TRACE_TASK_GOROUTINE;
    record->flags |= TRACE_TASK_DETACHED;
    record->state = TRACE_TASK_CREATED;
    record->handle = (uint64_t)go_id_of(g);
    go->id = go_id_of(g);
    go->operation = NULL;
    go->watched = 0;
    if (UNLIKELY(go->shown_to | go->panicked | access_on | go_tests)) {
        go->learn.task = 0;
        go->panic_stack = go->message = go->test = 0;
        go->misused = NULL;
        go->frame_count = 0;
    }
    go->shown_to = go->asked = go->threw = go->panicked = false;
    go->held_count = 0;
    go->task = task;
    return go;
}

struct go *go_spawn(struct thread *creator, uintptr_t g, uintptr_t entry, uint32_t stack)
{
    struct go *go = bind(creator, g);
    if (!go)
        return NULL;
    struct trace_task *record = task_record(go->task);
    record->entry = entry;
    record->create_stack = stack;
    record->parent_segment = creator->made = clock_new_segment(creator);
    clock_begin_task(creator, go->task, record->segment,
                     (struct clock_pair){.task = creator->task, .segment = record->parent_segment});
    return go;
}

struct go *go_find(struct thread *thread, uintptr_t g)
{
    if (go_id_of(g) == 0)
        return thread->go_own;
    struct go *go = search(g);
    return LIKELY(go && go->task && go->id == go_id_of(g)) ? go : NULL;
}

bool go_parks(const struct go *go)
{
    return go->task && go->g &&
           (go->callbacks || task_record(go->task)->kind == TRACE_TASK_GOROUTINE);
}

struct go *go_present(struct thread *thread)
{
    if (LIKELY(thread->go != NULL))
        return thread->go;
    struct go *own = memory_get(sizeof *own);
    if (!own) {
        shim_off("no memory for a thread of Go's");
        return NULL;
    }
    own->task = thread->task;
    thread->go = thread->go_own = own;
    return own;
}

/* ---- the switch ---- */

static void held_save(struct thread *thread, struct go *go)
{
    uint32_t count = thread->held_count;
    if (count > go->held_room) {
        uint32_t room = count < 4 ? 4 : HELD_ENTRIES;
        struct held *held = memory_get(room * sizeof *held);
        if (!held) {
            shim_off("no memory for the locks that a goroutine holds");
            return;
        }
        go->held = held;
        go->held_room = room;
    }
    for (uint32_t i = 0; i < count; i++)
        go->held[i] = thread->held[i];
    go->held_count = (uint16_t)count;
}

void go_switch(struct thread *thread, struct go *to)
{
    struct go *from = thread->go;
    if (from == to)
        return;
    if (UNLIKELY(thread->held_count))
        held_save(thread, from);
    if (UNLIKELY(thread->access != NULL))
        access_task_save(thread, &from->frames, &from->frame_count, &from->frame_room);
    if (UNLIKELY(thread->meaning.object || to->meaning.object)) {
        from->meaning = thread->meaning;
        thread->meaning = to->meaning;
        to->meaning = (struct meaning){.object = NULL};
    }
    if (to == thread->go_own)
        to->carried = from;
    thread->go = to;
    thread->task = to->task;
    thread->record = task_record(to->task);
    thread->segment = thread->record->segment;
    bool moved = to->thread != thread;
    to->thread = thread;
    /* Where it has been on another thread meanwhile, its stays are told apart by their segments. */
    if (UNLIKELY(access_on && moved))
        clock_new_segment(thread);
    if (UNLIKELY(thread->held_count | to->held_count)) {
        for (uint32_t i = 0; i < to->held_count; i++)
            thread->held[i] = to->held[i];
        thread->held_count = to->held_count;
        thread->held_beyond = 0;
        to->held_count = 0;
        held_rehash(thread);
    }
    if (UNLIKELY(thread->access != NULL))
        access_task_load(thread, moved, to->frames, &to->frame_count);
}

/* ---- C threads that call into Go ---- */

/*
 * Such a thread gets a g and a machine (m) of the runtime's for the time of its call. What it does there it does as the
 * task that it is; only what Go's scheduler does on it while the call is parked is another task's, that of the m.
 */
void go_borrow(struct thread *thread, uintptr_t g)
{
    struct go *own = go_present(thread);
    if (!own)
        return;
    if (thread->go != own) { /* a goroutine that called C, or such a thread again */
        thread->go->callbacks += thread->go->callbacks != 0;
        return;
    }
    struct go *go = g && go_id_of(g) ? insert(g) : NULL;
    if (!go || (go->task && go->id == go_id_of(g)) || thread->record->flags & TRACE_TASK_SYSTEM)
        return;
    if (!go->scheduler) {
        go->scheduler = task_make(thread);
        if (!go->scheduler)
            return;
        struct trace_task *record = task_record(go->scheduler);
        record->kind = TRACE_TASK_THREAD;
        record->flags = TRACE_TASK_SYSTEM | TRACE_TASK_DETACHED;
        record->state = TRACE_TASK_RUNNING;
    }
    go->id = go_id_of(g);
    go->task = thread->task;
    go->thread = thread;
    go->operation = NULL;
    go->watched = 0;
    go->learn.task = 0;
    go->shown_to = false;
    go->callbacks = 1;
    own->task = go->scheduler;
    thread->go = go;
}

void go_return(struct thread *thread)
{
    struct go *go = thread->go;
    if (!go || !go->callbacks || --go->callbacks)
        return;
    thread->go_own->task = go->task;
    thread->go = thread->go_own;
    go->task = 0;
    go->id = 0;
}

/* ---- the runtime's functions ---- */

static NOINLINE void resume(void *g)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct go *go = go_present(thread) ? go_find(thread, (uintptr_t)g) : NULL;
    if (go) {
        go_switch(thread, go);
        if (thread->record->state == TRACE_TASK_CREATED) {
            thread->record->os_tid = task_record(thread->go_own->task)->os_tid;
            thread->record->state = TRACE_TASK_RUNNING;
        }
    }
    thread_leave(thread);
}

static NOINLINE void to_scheduler(void)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    if (go_present(thread))
        go_switch(thread, thread->go_own);
    thread_leave(thread);
}

GO_EXPORT(go_resume, "runtime.gogo", void, (void *g));
EXPORT void wrap_go_resume(void *g)
{
    if (LIKELY(go_on))
        resume(g);
    GO_REAL(go_resume)(g);
}

GO_EXPORT(go_scheduler, "runtime.mcall", void, (void *fn));
EXPORT void wrap_go_scheduler(void *fn)
{
    if (LIKELY(go_on))
        to_scheduler();
    GO_REAL(go_scheduler)(fn);
}

/* The go statement under way in this thread: makeGContext is called within it, when the goroutine has its number and
 * nobody else can know it. */
struct statement {
    uintptr_t entry, argument, pc, frame;
};
static __thread struct statement statement;

bool go_statement_under_way(void)
{
    return statement.pc != 0;
}

static NOINLINE void statement_begin(uintptr_t entry, uintptr_t argument, uintptr_t pc,
                                     uintptr_t frame)
{
    statement = (struct statement){entry, argument, pc, frame};
}

static NOINLINE void statement_made(uintptr_t g, uintptr_t stack, uintptr_t size)
{
    struct statement now = statement;
    statement.pc = 0;
    struct thread *thread = now.pc ? thread_enter() : NULL;
    if (!thread)
        return;
    thread->events++;
    directory_need();
    signal_watch_fatal();
    if (go_present(thread)) {
        struct go *go = go_spawn(thread, g, now.entry, stack_here(thread, now.pc, now.frame));
        if (go) {
            struct trace_task *record = task_record(go->task);
            record->stack_low = stack;
            record->stack_high = stack + size;
            if (UNLIKELY(go_tests)) {
                record->test = thread->go->test ? thread->go->test : thread->record->test;
                thread->go->test = 0;
            }
            /* By the scheduler: time.AfterFunc, whose function is all that the argument holds. */
            if (UNLIKELY(access_on && thread->go == thread->go_own && now.argument))
                go_timer_fires(thread, go->task, *(const uintptr_t *)now.argument);
        }
    }
    thread_leave(thread);
}

GO_EXPORT(go_statement, "__go_go", void *, (void *fn, void *argument));
EXPORT void *wrap_go_statement(void *fn, void *argument)
{
    if (LIKELY(go_on))
        statement_begin((uintptr_t)fn, (uintptr_t)argument, RETURN_PC,
                        (uintptr_t)__builtin_frame_address(0));
    return GO_REAL(go_statement)(fn, argument);
}

GO_EXPORT(go_context, "runtime.makeGContext", void, (void *g, uintptr_t stack, uintptr_t size));
EXPORT void wrap_go_context(void *g, uintptr_t stack, uintptr_t size)
{
    if (LIKELY(go_on))
        statement_made((uintptr_t)g, stack, size);
    GO_REAL(go_context)(g, stack, size);
}

static NOINLINE void goroutine_end(void)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct go *go = go_present(thread);
    if (go && go != thread->go_own) {
        struct trace_task *record = thread->record;
        bool holds = thread->held_count != 0;
        if (UNLIKELY(holds | (record->since_tsc != 0))) { /* else its slot says of none */
            held_left(thread);
            task_held_show(thread);
            thread->held_count = thread->held_beyond = 0;
            held_rehash(thread);
        }
        clock_new_segment(thread);
        record->segment = thread->segment - 1;
        record->end_tsc = tsc_now();
        record->exit = TRACE_EXIT_RETURN;
        __asm__ volatile("" ::: "memory");
        record->state = TRACE_TASK_ENDED;
        go->task = 0;
        if (!holds)
            slot_give(thread->task);
    }
    thread_leave(thread);
}

GO_EXPORT(go_exit, "runtime.goexit1", void, (void));
EXPORT void wrap_go_exit(void)
{
    if (LIKELY(go_on))
        goroutine_end();
    GO_REAL(go_exit)();
}

/* Go lends its g before the real function has come back, and takes it away within the other. */
static NOINLINE void callback(bool begins)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    if (begins)
        go_borrow(thread, go_running());
    else
        go_return(thread);
    thread_leave(thread);
}

GO_EXPORT(go_callback, "syscall.CgocallBack", void, (void));
EXPORT void wrap_go_callback(void)
{
    GO_REAL(go_callback)();
    if (LIKELY(go_on))
        callback(true);
}

GO_EXPORT(go_callback_done, "syscall.CgocallBackDone", void, (void));
EXPORT void wrap_go_callback_done(void)
{
    if (LIKELY(go_on))
        callback(false);
    GO_REAL(go_callback_done)();
}
