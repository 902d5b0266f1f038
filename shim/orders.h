/* Which combinations of task, lock and held set have been recorded: see orders.c. With the guard up. */
#ifndef SHIM_ORDERS_H
#define SHIM_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

#define ORDERS_WAYS 4u

struct orders {
    uint32_t sets, forgotten;
    uint32_t tags[] __attribute__((aligned(64)));
};

extern struct orders *orders_known; /* NULL: none yet */

static inline uint32_t *orders_set(struct orders *orders, uint64_t key)
{
    return &orders->tags[(key >> 32 & (orders->sets - 1)) * ORDERS_WAYS];
}

/* Its place is on its way into the cache. */
static inline void orders_fetch(uint64_t key)
{
    struct orders *orders = __atomic_load_n(&orders_known, __ATOMIC_ACQUIRE);
    if (orders)
        __builtin_prefetch(orders_set(orders, key));
}

/*
 * The same by held set: the latest that a task has taken under one lie in two lines, two places for each, which are fetched
 * when the set comes to be. So they are found without a look at the large table, whose line is nearly always a cache miss.
 */
#define ORDERS_NEAR     32u
#define ORDERS_NEAR_LOG 13u

struct orders_near {
    uint32_t tags[ORDERS_NEAR];
} __attribute__((aligned(64)));

extern struct orders_near *orders_near; /* made with the large table */

static inline struct orders_near *orders_near_of(uint64_t held_hash, uint32_t task)
{
    return &orders_near[(held_hash + task * 0x9e3779b97f4a7c15u) >> (64 - ORDERS_NEAR_LOG)];
}

static inline uint32_t *orders_near_pair(uint64_t held_hash, uint32_t task, uint32_t tag)
{
    return &orders_near_of(held_hash, task)->tags[tag >> 1 & (ORDERS_NEAR - 2)];
}

static inline void orders_near_fetch(uint64_t held_hash, uint32_t task)
{
    const struct orders_near *near = orders_near_of(held_hash, task);
    __builtin_prefetch(near->tags);
    __builtin_prefetch(near->tags + ORDERS_NEAR / 2);
}

static inline bool orders_met_lately(uint64_t held_hash, uint32_t task, uint64_t key)
{
    if (!orders_near)
        return false;
    uint32_t tag = (uint32_t)key;
    const uint32_t *pair = orders_near_pair(held_hash, task, tag);
    return pair[0] == tag || pair[1] == tag;
}

/* From here on it is one of the latest. */
static inline void orders_meet(uint64_t held_hash, uint32_t task, uint64_t key)
{
    if (!orders_near)
        return;
    uint32_t tag = (uint32_t)key, *pair = orders_near_pair(held_hash, task, tag);
    pair[1] = pair[0];
    pair[0] = tag;
}

/* Was it recorded? If not, it counts as such from now on. `key`: all its bits say something, the lower 32 are not all 0. */
bool orders_met(uint64_t key);
void orders_fork_child(void);

#endif
