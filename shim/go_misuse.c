/*
 * What Go's runtime calls a misuse of a lock, a wait group, a condition or a channel: by a panic, or an error that cannot be
 * recovered. It knows only that; the record says of which object, and who used it before. A panic that is recovered is
 * the program's own affair, and no misuse.
 */
#include "shim/go.h"
#include "shim/misuse.h"

#include "shim/banned.h"
#include "shim/raw.h"

static const struct {
    const char *text;
    uint32_t kind; /* of the object that the operation is about */
    uint32_t misuse;
} words[] = {
    {"sync: unlock of unlocked mutex", TRACE_OBJECT_MUTEX, TRACE_MISUSE_UNLOCK_NOT_LOCKED},
    {"sync: Unlock of unlocked RWMutex", TRACE_OBJECT_RWLOCK, TRACE_MISUSE_UNLOCK_NOT_LOCKED},
    {"sync: RUnlock of unlocked RWMutex", TRACE_OBJECT_RWLOCK, TRACE_MISUSE_RUNLOCK_NOT_LOCKED},
    {"sync: negative WaitGroup counter", TRACE_OBJECT_WAITGROUP, TRACE_MISUSE_BELOW_ZERO},
    {"sync: WaitGroup ", TRACE_OBJECT_WAITGROUP, TRACE_MISUSE_GROUP_REUSED},
    {"sync.Cond is copied", TRACE_OBJECT_COND, TRACE_MISUSE_COPIED},
    {"send on closed channel", TRACE_OBJECT_CHANNEL, TRACE_MISUSE_SEND_CLOSED},
    {"close of closed channel", TRACE_OBJECT_CHANNEL, TRACE_MISUSE_CLOSE_TWICE},
};

/* Of a select: the first closed channel that it would send to. */
static struct object *object_of(struct thread *thread, const struct go_operation *operation)
{
    if (operation->address)
        return object_find(thread, operation->address, trace_primitives[operation->primitive].kind);
    for (uint32_t i = 0; operation->flags & OPERATION_LISTED && i < operation->sends; i++) {
        struct object *object =
            object_find(thread, (uintptr_t)operation->cases[i].channel, TRACE_OBJECT_CHANNEL);
        if (object && object->shown.flags & TRACE_OBJECT_CLOSED)
            return object;
    }
    return NULL;
}

void go_misused(struct thread *thread, struct go *go, const char *text, intptr_t length)
{
    const struct go_operation *operation = go->operation;
    uint32_t kind = operation ? trace_primitives[operation->primitive].kind : TRACE_OBJECT_NONE;
    go->misused = NULL;
    go->panicked = true;
    for (size_t i = 0; operation && i < sizeof words / sizeof *words && !go->misused; i++) {
        size_t wanted = raw_length(words[i].text);
        if (words[i].kind != kind || length < (intptr_t)wanted ||
            !raw_equal_n(text, words[i].text, wanted))
            continue;
        go->misused = object_of(thread, operation);
        go->misuse = words[i].misuse;
    }
}

void go_misuse_ends(struct thread *thread, const struct go *go)
{
    if (!go->misused)
        return;
    const struct trace_object *shown = &go->misused->shown;
    bool other =
        shown->kind != TRACE_OBJECT_WAITGROUP && go->misuse != TRACE_MISUSE_RUNLOCK_NOT_LOCKED;
    misuse_note(thread, go->misuse, go->misused, go->panic_stack, other ? shown->last_owner : 0,
                other ? shown->owner_stack : 0);
}
