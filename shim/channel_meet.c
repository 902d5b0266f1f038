/*
 * Sends and receives of channels that the program itself makes and tells of (gorocheck.h). With a buffer they are those of
 * channel.c. Without one two tasks meet: who began first waits in a list; who completes the meeting says so first, takes
 * what the other one knew when it began, and leaves its own clock with it; the other one learns that when it says so too.
 */
#include "shim/channel.h"

#include "shim/banned.h"
#include "shim/clock.h"

struct meeting {
    uint32_t task;
    struct clock_pair pair;   /* what the task knew when it began */
    struct clock_pair answer; /* what its partner knew; task 0: it has none yet */
    struct meeting *next;
};

static struct spin pool_lock;
static struct meeting *pool;

void channel_meet_fork_child(void)
{
    spin_reset(&pool_lock);
}

static struct meeting *meeting_get(void)
{
    spin_lock(&pool_lock);
    struct meeting *meeting = pool;
    if (meeting)
        pool = meeting->next;
    spin_unlock(&pool_lock);
    return meeting ? meeting : memory_get(sizeof *meeting);
}

static void meeting_remove(struct meeting **place)
{
    struct meeting *meeting = *place;
    *place = meeting->next;
    spin_lock(&pool_lock);
    meeting->next = pool;
    pool = meeting;
    spin_unlock(&pool_lock);
}

static struct meeting **find_own(struct thread *thread, struct meeting **place)
{
    while (*place && (*place)->task != thread->task)
        place = &(*place)->next;
    return place;
}

static struct channel *channel_of(struct object *object)
{
    return object_private(object)->channel;
}

void channel_begin(struct thread *thread, struct object *object, int way)
{
    struct channel *channel = channel_of(object);
    if (!channel || channel->capacity)
        return;
    struct meeting *own = meeting_get();
    if (!own)
        return;
    *own = (struct meeting){.task = thread->task,
                            .pair = {.segment = thread->segment, .task = thread->task}};
    clock_new_segment(thread);
    struct meeting **end = &channel->waiting[way];
    while (*end)
        end = &(*end)->next;
    *end = own;
}

static void meet(struct thread *thread, struct object *object, int way, uintptr_t pc)
{
    struct channel *channel = channel_of(object);
    struct meeting **own = find_own(thread, &channel->waiting[way]);
    if (*own && (*own)->answer.task) {
        clock_learn(thread, &(*own)->answer, 1, object, pc);
        meeting_remove(own);
        return;
    }
    struct meeting *peer = channel->waiting[1 - way];
    while (peer && (peer->answer.task || peer->task == thread->task))
        peer = peer->next;
    if (peer)
        peer->answer = way == 0 ? channel_give(thread, object, peer->pair, pc)
                                : channel_take(thread, object, peer->pair, pc);
    if (*own)
        meeting_remove(own);
}

void channel_done(struct thread *thread, struct object *object, int way, uintptr_t pc)
{
    struct channel *channel = channel_of(object);
    struct trace_object *shown = &object->shown;
    if (!channel)
        return;
    if (!shown->capacity) {
        meet(thread, object, way, pc);
    } else if (shown->capacity > CHANNEL_PLACES_MAX) {
        struct clock_pair pairs[16];
        if (way == 0) {
            clock_publish(thread, object, thread->segment, true);
            clock_new_segment(thread);
            shown->posts++;
        } else {
            clock_learn(thread, pairs, clock_read(object, pairs, 16), object, pc);
            shown->unheard++;
        }
    } else if (way == 0) {
        channel_sent(thread, object, pc);
    } else {
        channel_received(thread, object, pc);
    }
    shown->value = (int64_t)(shown->posts - shown->unheard);
}

void channel_leave(struct thread *thread, struct object *object)
{
    struct channel *channel = channel_of(object);
    for (int way = 0; channel && way < 2; way++) {
        struct meeting **own = find_own(thread, &channel->waiting[way]);
        if (*own)
            meeting_remove(own);
    }
}
