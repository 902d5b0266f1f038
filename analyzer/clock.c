/*
 * The trees of clock.h.
 *
 * Invariant: a node is changed in place only if it and all nodes above it have one reference; else what changes is
 * copied, from the root down, and what does not is shared. Where one of two joined trees has nothing that the other has
 * not, the result is the other's very node: so clocks that learn of each other become one again.
 */
#include "analyzer/clock.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

#define LEAF_BYTES  sizeof(struct clock_node)
#define INNER_BYTES (offsetof(struct clock_node, child) + CLOCK_FAN * sizeof(struct clock_node *))
#define SLAB_BYTES  ((size_t)1 << 16)

struct clock_slab {
    struct clock_slab *next;
    uint64_t bytes[SLAB_BYTES / 8 - 1];
};

void clock_pool_open(struct clock_pool *pool, uint32_t task_count)
{
    *pool = (struct clock_pool){.levels = 0};
    for (uint64_t reach = CLOCK_LEAF; reach < task_count; reach *= CLOCK_FAN)
        pool->levels++;
}

void clock_pool_close(struct clock_pool *pool)
{
    while (pool->slabs) {
        struct clock_slab *next = pool->slabs->next;
        free(pool->slabs);
        pool->slabs = next;
    }
}

/* ---- nodes ---- */

static size_t node_bytes(uint32_t level)
{
    return level ? INNER_BYTES : LEAF_BYTES;
}

static struct clock_node **free_list(struct clock_pool *pool, uint32_t level)
{
    return level ? &pool->free_inners : &pool->free_leaves;
}

static void slab_cut(struct clock_pool *pool, uint32_t level)
{
    struct clock_slab *slab = memory_get(1, sizeof(*slab));
    struct clock_node **list = free_list(pool, level);
    slab->next = pool->slabs;
    pool->slabs = slab;
    size_t size = node_bytes(level);
    for (size_t at = 0; at + size <= sizeof(slab->bytes); at += size) {
        struct clock_node *node = (struct clock_node *)((char *)slab->bytes + at);
        node->child[0] = *list;
        *list = node;
    }
}

/* A node of its own: a copy, or empty. */
static struct clock_node *node_new(struct clock_pool *pool, uint32_t level,
                                   const struct clock_node *copy)
{
    struct clock_node **list = free_list(pool, level);
    if (!*list)
        slab_cut(pool, level);
    struct clock_node *node = *list;
    *list = node->child[0];
    pool->bytes += node_bytes(level);
    if (!copy) {
        memset(node, 0, node_bytes(level));
    } else {
        memcpy(node, copy, node_bytes(level));
        for (uint32_t i = 0; level && i < CLOCK_FAN; i++)
            if (node->child[i])
                node->child[i]->references++;
    }
    node->references = 1;
    return node;
}

static struct clock_node *node_share(struct clock_node *node)
{
    node->references++;
    return node;
}

static void node_drop(struct clock_pool *pool, struct clock_node *node, uint32_t level)
{
    if (!node || --node->references)
        return;
    for (uint32_t i = 0; level && i < CLOCK_FAN; i++)
        node_drop(pool, node->child[i], level - 1);
    struct clock_node **list = free_list(pool, level);
    node->child[0] = *list;
    *list = node;
    pool->bytes -= node_bytes(level);
}

/* ---- clocks ---- */

void clock_heighten(struct clock_pool *pool, struct clock *clock)
{
    if (!clock->root)
        return;
    struct clock_node *root = node_new(pool, pool->levels + 1, NULL);
    root->child[0] = clock->root;
    clock->root = root;
}

struct clock clock_share(struct clock clock)
{
    if (clock.root)
        clock.root->references++;
    return clock;
}

void clock_drop(struct clock_pool *pool, struct clock *clock)
{
    node_drop(pool, clock->root, pool->levels);
    clock->root = NULL;
}

void clock_raise(struct clock_pool *pool, struct clock *clock, uint32_t task, uint64_t segment)
{
    if (clock_get(pool, *clock, task) >= segment)
        return;
    struct clock_node **place = &clock->root;
    for (uint32_t level = pool->levels;; level--) {
        struct clock_node *node = *place;
        if (!node || node->references > 1) {
            *place = node_new(pool, level, node);
            node_drop(pool, node, level);
            node = *place;
        }
        if (!level) {
            node->segment[task % CLOCK_LEAF] = segment;
            return;
        }
        place = &node->child[clock_index(task, level)];
    }
}

/* Whether a < b, in the highest bit: without a branch (Warren, Hacker's Delight, 2-12). */
static inline uint64_t below(uint64_t a, uint64_t b)
{
    return (~a & b) | (~(a ^ b) & (a - b));
}

/* What is to stand in the place of `mine`, with a reference; or NULL if `mine` may stay, perhaps changed, if it is the
 * caller's `own`. */
static struct clock_node *leaf_join(struct clock_pool *pool, struct clock_node *mine,
                                    struct clock_node *theirs, bool own)
{
    uint64_t less = 0, greater = 0; /* in the highest bit */
    for (uint32_t i = 0; i < CLOCK_LEAF; i++) {
        less |= below(mine->segment[i], theirs->segment[i]);
        greater |= below(theirs->segment[i], mine->segment[i]);
    }
    less >>= 63;
    greater >>= 63;
    if (!less)
        return NULL;
    if (!greater)
        return node_share(theirs);
    struct clock_node *node = own ? mine : node_new(pool, 0, mine);
    for (uint32_t i = 0; i < CLOCK_LEAF; i++)
        if (node->segment[i] < theirs->segment[i])
            node->segment[i] = theirs->segment[i];
    return own ? NULL : node;
}

static struct clock_node *node_join(struct clock_pool *pool, struct clock_node *mine,
                                    struct clock_node *theirs, uint32_t level, bool own)
{
    if (!level)
        return leaf_join(pool, mine, theirs, own);
    struct clock_node *node = own ? mine : NULL;
    bool same = true, changed = false; /* as theirs; from mine */
    for (uint32_t i = 0; i < CLOCK_FAN; i++) {
        struct clock_node *a = mine->child[i], *b = theirs->child[i], *joined = NULL;
        if (b && a != b)
            joined =
                a ? node_join(pool, a, b, level - 1, own && a->references == 1) : node_share(b);
        same &= joined ? joined == b : a == b;
        if (!joined)
            continue;
        if (!node)
            node = node_new(pool, level, mine);
        node_drop(pool, node->child[i], level - 1);
        node->child[i] = joined;
        changed = true;
    }
    if (!changed)
        return NULL;
    if (same) {
        if (!own)
            node_drop(pool, node, level);
        return node_share(theirs);
    }
    return own ? NULL : node;
}

void clock_join(struct clock_pool *pool, struct clock *clock, struct clock other)
{
    struct clock_node *mine = clock->root;
    if (!other.root || mine == other.root)
        return;
    if (!mine) {
        *clock = clock_share(other);
        return;
    }
    struct clock_node *joined =
        node_join(pool, mine, other.root, pool->levels, mine->references == 1);
    if (!joined)
        return;
    node_drop(pool, mine, pool->levels);
    clock->root = joined;
}

/* ---- the least of many ---- */

struct item {
    const struct clock_node *node;
    uint32_t owner; /* if its task lies below the node, else 0 */
};

struct least {
    uint64_t *least;
    uint32_t task_count;
};

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static void fill(const struct least *least, uint64_t from, uint64_t size, uint64_t value)
{
    for (uint64_t t = from; t < from + size && t < least->task_count; t++)
        least->least[t] = value;
}

static void least_of_leaves(const struct least *least, const struct item *items, uint32_t count,
                            uint32_t from)
{
    fill(least, from, CLOCK_LEAF, UINT64_MAX);
    for (uint32_t k = 0; k < count; k++) {
        for (uint32_t i = 0; i < CLOCK_LEAF && from + i < least->task_count; i++) {
            uint64_t segment = items[k].node ? items[k].node->segment[i] : 0;
            if (segment < least->least[from + i] && items[k].owner != from + i)
                least->least[from + i] = segment;
        }
    }
}

/* `items`: all different, or owned. There is room for as many behind them for each level that is left. */
static void least_below(const struct least *least, struct item *items, uint32_t count,
                        uint32_t level, uint32_t from)
{
    if (!level) {
        least_of_leaves(least, items, count, from);
        return;
    }
    uint64_t size = (uint64_t)CLOCK_LEAF << (level - 1) * CLOCK_FAN_BITS;
    struct item *below = items + count;
    for (uint32_t i = 0; i < CLOCK_FAN && from + i * size < least->task_count; i++) {
        uint64_t low = from + i * size;
        uint32_t found = 0, kept = 0;
        bool unknown = false; /* to one who is none of them */
        for (uint32_t k = 0; k < count && !unknown; k++) {
            const struct clock_node *node = items[k].node ? items[k].node->child[i] : NULL;
            bool owned = items[k].owner >= low && items[k].owner < low + size && items[k].owner;
            unknown = !node && !owned;
            below[found++] = (struct item){node, owned ? items[k].owner : 0};
        }
        if (unknown) {
            fill(least, low, size, 0);
            continue;
        }
        qsort(below, found, sizeof(*below), compare_items);
        for (uint32_t k = 0; k < found; k++)
            if (!kept || compare_items(&below[k], &below[kept - 1]))
                below[kept++] = below[k];
        least_below(least, below, kept, level - 1, (uint32_t)low);
    }
}

void clock_least(const struct clock_pool *pool, const struct clock *clocks, const uint32_t *owners,
                 uint32_t count, uint64_t *least, uint32_t task_count)
{
    struct least all = {least, task_count};
    struct item *items = memory_get((pool->levels + 1u) * (size_t)count + 1, sizeof(*items));
    for (uint32_t i = 0; i < count; i++)
        items[i] = (struct item){clocks[i].root, owners[i]};
    if (count)
        least_below(&all, items, count, pool->levels, 0);
    else
        fill(&all, 0, task_count, UINT64_MAX);
    free(items);
}
