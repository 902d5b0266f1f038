/*
 * Vector clocks that share what they have in common: trees of nodes that are never changed while more than one clock holds
 * them. A copy is a pointer; joining two clocks costs as much as they differ; a task among a hundred thousand pays for
 * what it has learned, not for how many there are. (A vector of each: 100,000 clocks of 1,000,000 entries are 800 GB.)
 *
 * A clock maps a task to a segment, 0 where nothing is known. All clocks of one pool have room for the same tasks. Up to
 * CLOCK_LEAF tasks a clock is one array.
 */
#ifndef ANALYZER_CLOCK_H
#define ANALYZER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_LEAF_BITS 6u
#define CLOCK_LEAF      (1u << CLOCK_LEAF_BITS)
#define CLOCK_FAN_BITS  5u
#define CLOCK_FAN       (1u << CLOCK_FAN_BITS)

struct clock_node {
    uint32_t references; /* of clocks and inner nodes */
    uint32_t unused;
    union {
        uint64_t segment[CLOCK_LEAF];
        struct clock_node *child[CLOCK_FAN]; /* NULL: nothing known */
    };
};

struct clock {
    struct clock_node *root; /* NULL: empty */
};

struct clock_pool {
    uint32_t levels;                              /* of inner nodes; 0: the root is a leaf */
    uint64_t bytes;                               /* of nodes in use */
    struct clock_node *free_leaves, *free_inners; /* linked by child[0] */
    struct clock_slab *slabs;
};

void clock_pool_open(struct clock_pool *pool, uint32_t task_count);
/* All clocks of the pool are gone with it. */
void clock_pool_close(struct clock_pool *pool);

/* The child, of an inner node with `level` levels of inner nodes (itself included), that has `task`. */
static inline uint32_t clock_index(uint32_t task, uint32_t level)
{
    return task >> (CLOCK_LEAF_BITS + (level - 1) * CLOCK_FAN_BITS) & (CLOCK_FAN - 1);
}

static inline uint64_t clock_get(const struct clock_pool *pool, struct clock clock, uint32_t task)
{
    const struct clock_node *node = clock.root;
    for (uint32_t level = pool->levels; level && node; level--)
        node = node->child[clock_index(task, level)];
    return node ? node->segment[task % CLOCK_LEAF] : 0;
}

/* Tasks a pool has room for. */
static inline uint64_t clock_pool_reach(const struct clock_pool *pool)
{
    return (uint64_t)CLOCK_LEAF << pool->levels * CLOCK_FAN_BITS;
}
/* Room for more: first each clock of the pool is made a level higher, then `levels` is. */
void clock_heighten(struct clock_pool *pool, struct clock *clock);

struct clock clock_share(struct clock clock); /* another that is equal */
void clock_drop(struct clock_pool *pool, struct clock *clock);
/* The entry of `task` becomes `segment` if it is less. */
void clock_raise(struct clock_pool *pool, struct clock *clock, uint32_t task, uint64_t segment);
/* Each entry becomes the greater of the two. */
void clock_join(struct clock_pool *pool, struct clock *clock, struct clock other);

/*
 * least[t] = the least entry for t among `count` clocks, that of owners[i] in clocks[i] not counted (UINT64_MAX where no
 * other is left). Costs as much as the clocks differ, and the size of least[0..task_count).
 */
void clock_least(const struct clock_pool *pool, const struct clock *clocks, const uint32_t *owners,
                 uint32_t count, uint64_t *least, uint32_t task_count);

#endif
