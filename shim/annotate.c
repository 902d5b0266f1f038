/*
 * The functions of gorocheck.h: rows of trace/annotations.def, and by hand what counts or has a clock of its own (channels,
 * wait groups, names). No real call stands behind them; what a task says that it is about to do becomes the meaning of the
 * waits that follow (struct meaning), until it says that it is over.
 */
#include "shim/annotate.h"

#include "shim/access_state.h"
#include "shim/banned.h"
#include "shim/call.h"
#include "shim/channel.h"
#include "shim/clock.h"
#include "shim/object.h"
#include "shim/stack.h"
#include "shim/task.h"

#define VERB(name, before, after, text) enum { BEFORE_##name = (before), AFTER_##name = (after) };
#include "trace/verbs.def"
#undef VERB

#define HERE RETURN_PC, (uintptr_t)__builtin_frame_address(0)

/* ---- the types of rows ---- */

/* How far a task of a pool has come. Submitted anew it begins anew. */
static void job_mark(struct call *call, uint32_t primitive)
{
    struct trace_object *shown = &call->object->shown;
    if (primitive == PRIMITIVE_gorocheck_task_submitted) {
        shown->create_stack = call_stack(call);
        shown->create_task = call->thread->task;
        shown->value = TRACE_JOB_SUBMITTED;
    }
    if (primitive == PRIMITIVE_gorocheck_task_started)
        __atomic_fetch_or(&shown->value, TRACE_JOB_STARTED, __ATOMIC_RELAXED);
    if (primitive == PRIMITIVE_gorocheck_task_finished)
        __atomic_fetch_or(&shown->value, TRACE_JOB_FINISHED, __ATOMIC_RELAXED);
    if (primitive == PRIMITIVE_gorocheck_task_awaiting ||
        primitive == PRIMITIVE_gorocheck_task_awaited)
        __atomic_fetch_or(&shown->value, TRACE_JOB_AWAITED, __ATOMIC_RELAXED);
}

void annotate(uint32_t primitive, uint32_t kind, const volatile void *object, uint32_t before,
              uint32_t after, uintptr_t pc, uintptr_t frame)
{
    struct call call
        __attribute__((cleanup(call_leave))) = {.thread = NULL, .pc = pc, .frame = frame};
    if (!call_enter(&call, primitive, kind, (uintptr_t)object, 0, before))
        return;
    if (kind == TRACE_OBJECT_JOB)
        job_mark(&call, primitive);
    if (after)
        call_return(&call, 1, after);
}

static void meaning_over(struct thread *thread)
{
    if (thread->meaning.marked)
        task_unblock(thread, thread->meaning.object);
    if (thread->meaning.other_count)
        thread->record->list = 0;
    meaning_set(&thread->meaning, NULL, 0, 0);
}

static void meaning_mark(struct thread *thread)
{
    struct meaning *meaning = &thread->meaning;
    task_block(thread, meaning->primitive, meaning->object, NULL, false, 0, meaning->stack);
    task_cases_show(thread);
    meaning->marked = true;
}

void annotate_begin(uint32_t primitive, uint32_t kind, const volatile void *object, uintptr_t pc,
                    uintptr_t frame)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *about = object_get(thread, (uintptr_t)object, kind);
    uint32_t stack = stack_here(thread, pc, frame);
    if (about && !about->shown.create_stack)
        about->shown.create_stack = stack;
    meaning_over(thread);
    meaning_set(&thread->meaning, about, primitive, stack);
    /* Somebody has the lock: then it waits for that one, however it does. */
    if (kind == TRACE_OBJECT_RWLOCK && about && about->shown.owner &&
        about->shown.owner != thread->task)
        meaning_mark(thread);
    thread_leave(thread);
}

/* It is going to wait now, in a way that we do not see. */
void gorocheck_blocking(const volatile void *object);
EXPORT void gorocheck_blocking(const volatile void *object)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct meaning *meaning = &thread->meaning;
    if (meaning->object && meaning->object->shown.address == (uintptr_t)object &&
        !meaning->marked) {
        meaning_mark(thread);
    }
    thread_leave(thread);
}

void annotate_end(uint32_t primitive, uint32_t kind, const volatile void *object, uint32_t after,
                  uintptr_t pc, uintptr_t frame)
{
    struct call call
        __attribute__((cleanup(call_leave))) = {.thread = NULL, .pc = pc, .frame = frame};
    if (!call_enter(&call, primitive, kind, (uintptr_t)object, 0, 0))
        return;
    meaning_over(call.thread);
    if (!call.object->shown.create_stack)
        call.object->shown.create_stack = call_stack(&call);
    if (kind == TRACE_OBJECT_JOB)
        job_mark(&call, primitive);
    if (after)
        call_return(&call, 1, after);
}

#define NOTE(fn, kind, verb)                                                                      \
    void fn(const volatile void *object);                                                         \
    EXPORT void fn(const volatile void *object)                                                   \
    {                                                                                             \
        annotate(PRIMITIVE_##fn, TRACE_OBJECT_##kind, object, BEFORE_##verb, AFTER_##verb, HERE); \
    }
#define NOTE_BEGIN(fn, kind, verb)                                         \
    void fn(const volatile void *object);                                  \
    EXPORT void fn(const volatile void *object)                            \
    {                                                                      \
        annotate_begin(PRIMITIVE_##fn, TRACE_OBJECT_##kind, object, HERE); \
    }
#define NOTE_END(fn, kind, verb, good)                                                        \
    void fn(const volatile void *object);                                                     \
    EXPORT void fn(const volatile void *object)                                               \
    {                                                                                         \
        annotate_end(PRIMITIVE_##fn, TRACE_OBJECT_##kind, object, (good) ? AFTER_##verb : 0u, \
                     HERE);                                                                   \
    }
#include "trace/annotations.def"

/* What the functions by hand have in common: guard up, the object found or made. */
static struct thread *enter(struct object **object, const volatile void *address, uint32_t kind,
                            uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return NULL;
    thread->events++;
    *object = object_get(thread, (uintptr_t)address, kind);
    if (!*object) {
        thread_leave(thread);
        return NULL;
    }
    if (!(*object)->shown.create_stack)
        (*object)->shown.create_stack = stack_here(thread, pc, frame);
    return thread;
}

static void posted(struct thread *thread, struct object *object, uintptr_t pc, uintptr_t frame)
{
    object->shown.last_post_task = thread->task;
    object->shown.last_post_stack = stack_here(thread, pc, frame);
    object->shown.last_post_tsc = tsc_now();
}

/* ---- channels ---- */

void gorocheck_channel_create(const volatile void *channel, size_t capacity);
EXPORT void gorocheck_channel_create(const volatile void *channel, size_t capacity)
{
    struct object *object, *old;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    old = object_find(thread, (uintptr_t)channel, TRACE_OBJECT_CHANNEL);
    if (old)
        object_end(thread, old, TRACE_OBJECT_DESTROYED);
    thread_leave(thread);
    thread = enter(&object, channel, TRACE_OBJECT_CHANNEL, HERE);
    if (!thread)
        return;
    object->shown.flags |= TRACE_OBJECT_INIT_SEEN;
    channel_get(object, capacity > CHANNEL_PLACES_MAX ? 1 : capacity);
    object->shown.capacity = capacity;
    thread_leave(thread);
}

void gorocheck_channel_destroy(const volatile void *channel);
EXPORT void gorocheck_channel_destroy(const volatile void *channel)
{
    struct object *object;
    struct thread *thread = enter(&object, channel, TRACE_OBJECT_CHANNEL, HERE);
    if (!thread)
        return;
    object->shown.end_stack = stack_here(thread, HERE);
    object_end(thread, object, TRACE_OBJECT_DESTROYED);
    thread_leave(thread);
}

/* Names one channel more, having done nothing with the one before: one of them will do. */
static void also(struct thread *thread, struct object *object, uint32_t primitive, uint32_t stack)
{
    struct meaning *meaning = &thread->meaning;
    bool select = meaning->object && meaning->object->shown.kind == TRACE_OBJECT_CHANNEL &&
                  !meaning->marked && !meaning->shown && meaning->other_count < MEANING_OTHERS &&
                  !(meaning->object == object && meaning->primitive == primitive);
    if (select && !meaning->others)
        meaning->others = memory_get(MEANING_OTHERS * sizeof *meaning->others);
    if (!select || !meaning->others) {
        meaning_over(thread);
        meaning_set(meaning, object, primitive, stack);
        return;
    }
    meaning->others[meaning->other_count++] =
        object_id(meaning->object) << 1 |
        (trace_primitives[meaning->primitive].verb == VERB_GIVE_ID);
    meaning->object = object;
    meaning->primitive = primitive;
    meaning->stack = stack;
}

static void begin(uint32_t primitive, const volatile void *channel, int way, uintptr_t pc,
                  uintptr_t frame)
{
    struct object *object;
    struct thread *thread = enter(&object, channel, TRACE_OBJECT_CHANNEL, pc, frame);
    if (!thread)
        return;
    also(thread, object, primitive, stack_here(thread, pc, frame));
    object_lock(object);
    channel_begin(thread, object, way);
    object_unlock(object);
    thread_leave(thread);
}

static void done(const volatile void *channel, int way, uintptr_t pc, uintptr_t frame)
{
    struct object *object;
    struct thread *thread = enter(&object, channel, TRACE_OBJECT_CHANNEL, pc, frame);
    if (!thread)
        return;
    meaning_over(thread);
    if (way == 0)
        posted(thread, object, pc, frame);
    object_lock(object);
    channel_done(thread, object, way, pc);
    object_unlock(object);
    thread_leave(thread);
}

#define CHANNEL(fn, body)                        \
    void fn(const volatile void *channel);       \
    EXPORT void fn(const volatile void *channel) \
    {                                            \
        body;                                    \
    }

CHANNEL(gorocheck_sending, begin(PRIMITIVE_gorocheck_sending, channel, 0, HERE))
CHANNEL(gorocheck_receiving, begin(PRIMITIVE_gorocheck_receiving, channel, 1, HERE))
CHANNEL(gorocheck_sent, done(channel, 0, HERE))
CHANNEL(gorocheck_received, done(channel, 1, HERE))

/* `closed`: 1 the caller closes it, -1 it has seen that it is closed, 0 it goes away without having done anything. */
static void leave(const volatile void *channel, int closed, uintptr_t pc, uintptr_t frame)
{
    struct object *object;
    struct thread *thread = enter(&object, channel, TRACE_OBJECT_CHANNEL, pc, frame);
    if (!thread)
        return;
    object_lock(object);
    if (closed <= 0) {
        meaning_over(thread);
        channel_leave(thread, object);
    }
    if (closed > 0 && channel_get(object, 0)) {
        object->shown.flags |= TRACE_OBJECT_CLOSED;
        channel_close(thread, object);
    }
    if (closed < 0 && channel_get(object, 0))
        channel_saw_close(thread, object, pc);
    object_unlock(object);
    thread_leave(thread);
}

CHANNEL(gorocheck_channel_close, leave(channel, 1, HERE))
CHANNEL(gorocheck_received_closed, leave(channel, -1, HERE))
CHANNEL(gorocheck_gave_up, leave(channel, 0, HERE))

/* ---- wait groups ---- */

void gorocheck_group_add(const volatile void *group, long count);
EXPORT void gorocheck_group_add(const volatile void *group, long count)
{
    struct object *object;
    struct thread *thread = enter(&object, group, TRACE_OBJECT_WAITGROUP, HERE);
    if (!thread)
        return;
    __atomic_fetch_add(&object->shown.value, count, __ATOMIC_RELAXED);
    thread_leave(thread);
}

void gorocheck_group_done(const volatile void *group);
EXPORT void gorocheck_group_done(const volatile void *group)
{
    struct object *object;
    struct thread *thread = enter(&object, group, TRACE_OBJECT_WAITGROUP, HERE);
    if (!thread)
        return;
    posted(thread, object, HERE);
    __atomic_fetch_add(&object->shown.posts, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&object->shown.value, 1, __ATOMIC_RELAXED);
    clock_release_join(thread, object);
    thread_leave(thread);
}

/* ---- names ---- */

/* The text as words of a list in `stacks`; equal names share one. */
void gorocheck_name(const volatile void *address, const char *name);
EXPORT void gorocheck_name(const volatile void *address, const char *name)
{
    static const uint32_t kinds[] = {
        TRACE_OBJECT_MUTEX,   TRACE_OBJECT_RWLOCK,    TRACE_OBJECT_SPIN, TRACE_OBJECT_SEMAPHORE,
        TRACE_OBJECT_CHANNEL, TRACE_OBJECT_WAITGROUP, TRACE_OBJECT_JOB,  TRACE_OBJECT_BARRIER};
    union {
        char text[40];
        uint64_t words[5];
    } list = {.words = {0}};
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    for (size_t i = 0; i < sizeof list.text - 1 && name[i]; i++)
        list.text[i] = name[i];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct object *object = object_find(thread, (uintptr_t)address, kinds[i]);
        if (object)
            object->shown.mutex = stack_put_list(list.words, 5);
    }
    thread_leave(thread);
}

void annotate_task_name(const char *name)
{
    struct thread *thread = name ? thread_enter() : NULL;
    if (!thread)
        return;
    task_names = true;
    char *to = thread->record->name;
    for (size_t i = 0; i + 1 < sizeof thread->record->name; i++) {
        to[i] = *name;
        name += *name != 0;
    }
    thread_leave(thread);
}

/* ---- what is not to be reported ---- */

void annotate_ignore(bool reads, bool writes, uint32_t step)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct access_state *state = access_state_get(thread);
    if (state) {
        access_ignore(state, reads ? step : 0, writes ? step : 0);
    }
    thread_leave(thread);
}

/* What the thread locks, signals and waits for meanwhile orders nothing; it is recorded all the same. */
void annotate_ignore_sync(uint32_t step)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    if (step == 1 || thread->ignores_sync)
        clock_ignore(thread, step);
    thread_leave(thread);
}

/* The recorder goes on recording: a look at each access would cost all of them. The analyzer leaves the races out. */
void annotate_ignore_range(const volatile void *from, size_t size)
{
    struct object *object;
    struct thread *thread = enter(&object, from, TRACE_OBJECT_IGNORED, HERE);
    if (!thread)
        return;
    if (object->shown.value < (int64_t)size)
        object->shown.value = (int64_t)size;
    thread_leave(thread);
}

void gorocheck_ignore_begin(void);
EXPORT void gorocheck_ignore_begin(void)
{
    annotate_ignore(true, true, 1);
}

void gorocheck_ignore_end(void);
EXPORT void gorocheck_ignore_end(void)
{
    annotate_ignore(true, true, (uint32_t)-1);
}

void gorocheck_ignore_range(const volatile void *from, size_t size);
EXPORT void gorocheck_ignore_range(const volatile void *from, size_t size)
{
    annotate_ignore_range(from, size);
}
