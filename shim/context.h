/*
 * The contexts that a stream has: which number one has that is wanted again. For who records.
 */
#ifndef SHIM_CONTEXT_H
#define SHIM_CONTEXT_H

#include "shim/access_state.h"

#define CONTEXT_OLD \
    (TRACE_CONTEXT_WINDOW / 2) /* contexts further back are not referred to any more */

static inline uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* Number of the present one. */
static inline uint32_t context_present(void)
{
    return (uint32_t)(access_fast.context >> 32);
}

static inline bool context_is(const struct access_state *state, const struct context_seen *seen,
                              uint64_t hash)
{
    return seen->hash == hash && seen->number && state->codec.context - seen->number < CONTEXT_OLD;
}

/* Each hash has CONTEXT_WAYS places, the first the likeliest. NULL: the stream does not have it, or too far back. */
static inline struct context_seen *context_known(struct access_state *state, uint64_t hash)
{
    struct context_seen *place = &state->contexts[hash % CONTEXT_CACHE];
    if (LIKELY(context_is(state, place, hash)))
        return place;
    for (uint32_t way = 1; way < CONTEXT_WAYS; way++)
        if (context_is(state, &state->contexts[hash % CONTEXT_CACHE ^ way], hash))
            return &state->contexts[hash % CONTEXT_CACHE ^ way];
    return NULL;
}

static inline void context_use(uint32_t number)
{
    access_fast.context = (uint64_t)number << 32;
}

static inline uint64_t context_hash_of_stack(const struct thread *thread,
                                             const struct access_state *state, uint32_t stack)
{
    return mix(mix(state->context_salt + 1, stack), thread->held_hash);
}

/* The usual case of unmodified code: the stream knows this captured stack together with what is held now. */
static inline bool context_of_stack_again(const struct thread *thread, struct access_state *state,
                                          uint32_t stack)
{
    const struct context_seen *seen =
        context_known(state, context_hash_of_stack(thread, state, stack));
    if (UNLIKELY(!seen) || UNLIKELY(stack == ACCESS_STACK_OF_CALL))
        return false;
    state->stack_present = stack;
    access_fast.held = thread->held_hash;
    context_use(seen->number);
    return true;
}

#endif
