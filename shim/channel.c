/* Clocks of channels: see channel.h. A pair in a slot is enough: whoever replaces it has learnt it first. */
#include "shim/channel.h"

#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/raw.h"

static struct spin channels_lock;
#define SIZES \
    11u /* pools of channels with room for 0, 1, 2, 4... 512 values; larger ones are not used again */
static struct channel *channels_free[SIZES];

static uint32_t size_class(uint64_t places)
{
    uint32_t class = 0;
    while (class < SIZES && (class ? UINT64_C(1) << (class - 1) : 0) < places)
        class ++;
    return class;
}

static struct channel *channel_make(uint64_t capacity)
{
    uint32_t class = size_class(capacity);
    struct channel *channel = NULL;
    if (class < SIZES) {
        spin_lock(&channels_lock);
        channel = channels_free[class];
        if (channel)
            channels_free[class] = channel->next_free;
        spin_unlock(&channels_lock);
    }
    uint64_t places = class < SIZES ? (class ? UINT64_C(1) << (class - 1) : 0) : capacity;
    if (channel) {
        struct clock_pair *slots = channel->slots;
        *channel = (struct channel){.slots = slots, .places = places};
        raw_zero(slots, places * sizeof *slots);
    } else {
        channel = memory_get(sizeof *channel + places * sizeof *channel->slots);
        if (!channel)
            return NULL;
        channel->slots = (struct clock_pair *)(channel + 1);
        channel->places = places;
    }
    channel->capacity = capacity;
    return channel;
}

struct channel *channel_get(struct object *object, uint64_t capacity)
{
    struct object_private *own = object_private(object);
    if (LIKELY(own->channel != NULL))
        return own->channel;
    own->channel = channel_make(capacity);
    object->shown.capacity = capacity;
    if (!own->channel)
        shim_off("no memory for a channel");
    return own->channel;
}

void channel_drop(struct object *object)
{
    struct channel *channel = object_private(object)->channel;
    if (!channel)
        return;
    object_private(object)->channel = NULL;
    uint32_t class = size_class(channel->places);
    if (class >= SIZES)
        return;
    spin_lock(&channels_lock);
    channel->next_free = channels_free[class];
    channels_free[class] = channel;
    spin_unlock(&channels_lock);
}

void channel_forget(struct object *object)
{
    struct channel *channel = object_private(object)->channel;
    if (!channel)
        return;
    channel->closed.task = channel->timer.task = 0;
    raw_zero(channel->slots, channel->places * sizeof *channel->slots);
}

void channel_fork_child(void)
{
    spin_reset(&channels_lock);
}

static struct clock_pair publish(struct thread *thread)
{
    struct clock_pair pair = {.segment = thread->segment, .task = thread->task};
    clock_new_segment(thread);
    return pair;
}

static void learn(struct thread *thread, struct object *object, const struct clock_pair *pair,
                  uintptr_t pc)
{
    if (pair->task)
        clock_learn(thread, pair, 1, object, pc);
}

static struct clock_pair *slot_next(const struct channel *channel, uint64_t *place)
{
    struct clock_pair *slot = &channel->slots[*place];
    channel_step(channel, place);
    return slot;
}

void channel_sent(struct thread *thread, struct object *object, uintptr_t pc)
{
    struct channel *channel = object_private(object)->channel;
    struct clock_pair *slot = slot_next(channel, &channel->sends);
    learn(thread, object, slot, pc);
    *slot = publish(thread);
    object->shown.posts++;
}

void channel_received(struct thread *thread, struct object *object, uintptr_t pc)
{
    struct channel *channel = object_private(object)->channel;
    struct clock_pair *slot = slot_next(channel, &channel->receives);
    learn(thread, object, slot, pc);
    *slot = publish(thread);
    object->shown.unheard++;
}

struct clock_pair channel_give(struct thread *thread, struct object *object, struct clock_pair peer,
                               uintptr_t pc)
{
    struct channel *channel = object_private(object)->channel;
    object->shown.posts++;
    object->shown.unheard++;
    if (channel->capacity == 0) {
        struct clock_pair own = publish(thread);
        learn(thread, object, &peer, pc);
        return own;
    }
    struct clock_pair *slot = slot_next(channel, &channel->sends);
    learn(thread, object, slot, pc);
    *slot_next(channel, &channel->receives) = peer;
    return publish(thread);
}

struct clock_pair channel_take(struct thread *thread, struct object *object, struct clock_pair peer,
                               uintptr_t pc)
{
    struct channel *channel = object_private(object)->channel;
    object->shown.posts++;
    object->shown.unheard++;
    if (channel->capacity == 0) {
        struct clock_pair own = publish(thread);
        learn(thread, object, &peer, pc);
        return own;
    }
    learn(thread, object, slot_next(channel, &channel->receives), pc);
    *slot_next(channel, &channel->sends) = peer;
    return publish(thread);
}

void channel_close(struct thread *thread, struct object *object)
{
    struct channel *channel = object_private(object)->channel;
    if (!channel->closed.task)
        channel->closed = publish(thread);
}

void channel_saw_close(struct thread *thread, struct object *object, uintptr_t pc)
{
    struct channel *channel = object_private(object)->channel;
    learn(thread, object, &channel->closed, pc);
}
