/*
 * Was a goroutine that never began told that it is not needed any more? Workers of a pool are made all at once; when the
 * first ones have done all there was and main has closed the channel of jobs, or cancelled the context, the last ones may
 * not have begun. So it is looked up whether what the goroutine was made with leads to a closed channel within a few steps:
 * its arguments, its closure, a variable that this captures, a struct, a context. Once the process ends, with the threads
 * that run goroutines at rest: nothing is allocated or freed meanwhile.
 */
#include "shim/go_search.h"

#include "shim/banned.h"
#include "shim/object.h"

#define STEPS       5u
#define OBJECTS_MAX 64u /* looked at for one goroutine */
#define WORDS_MAX   64u /* of an object */
#define ASKED_MAX \
    1024u /* goroutines; of 100,000 that one statement has made the others are alike */

struct told {
    struct thread *thread;
    uint64_t objects[OBJECTS_MAX];
    uint32_t count;
    bool closed;
};

static void word(struct told *told, uint64_t address)
{
    uint64_t size;
    bool pointers;
    uint64_t base = search_object(address, &size, &pointers);
    if (!base || told->closed)
        return;
    const struct object *channel = object_find(told->thread, base, TRACE_OBJECT_CHANNEL);
    if (channel) {
        told->closed = channel->shown.flags & TRACE_OBJECT_CLOSED;
        return;
    }
    if (!pointers || told->count == OBJECTS_MAX)
        return;
    for (uint32_t i = 0; i < told->count; i++)
        if (told->objects[i] == base)
            return;
    told->objects[told->count++] = base;
}

static void words(struct told *told, uint64_t base)
{
    uint64_t size;
    bool pointers;
    const volatile uint64_t *items = (const volatile uint64_t *)base;
    search_object(base, &size, &pointers);
    for (uint64_t i = 0; i < size / 8 && i < WORDS_MAX; i++)
        word(told, items[i]);
}

bool go_told(struct thread *thread, const struct go *go)
{
    static uint32_t asked;
    struct told told = {.thread = thread};
    if (!go_layout.end_known || asked++ >= ASKED_MAX)
        return false;
    word(&told, *(const volatile uint64_t *)(go->g + go_layout.g_parameter));
    for (uint32_t step = 0, done = 0; step < STEPS && !told.closed; step++)
        for (uint32_t end = told.count; done < end; done++)
            words(&told, told.objects[done]);
    return told.closed;
}
