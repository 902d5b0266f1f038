/*
 * What is kept of sync streams that are deleted as they are read: see order.h.
 *
 * Records that detectors look at later (lock order, misuse, losses, and for each object who handed
 * it to whom) go into one stream in memory, in the format of the others. Edges are needed as long
 * as somebody's clock may still come to follow them: those of a task up to the segment that every
 * event to come is after are retired. For the lock-order detector each ORDER record's clock by hard
 * edges is kept, and that of who is handed a lock that such records name, because the edges will not
 * be there when it is asked for.
 *
 * Invariant: a clock that knows (t, base[t]) knows all that retired edges of t would tell, if it is
 * of an event that is still to come.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/order.h"

#define CHUNK (64u << 10)

struct kept_clock { /* hard clock of such a record */
    uint64_t segment;
    struct order_pair *pairs; /* ascending tasks; the task's own means nothing */
    uint32_t task, count;
    bool known;
    bool shares; /* another one's pairs: nearly all of a task's, as hard edges are rare */
};

struct kept_last {    /* of a task: pairs that are good until its next hard edge */
    uint64_t segment; /* 0: none */
    struct order_pair *pairs;
    uint32_t count;
};

struct kept_order { /* a task that locked this while it held those, and how often it was told */
    uint64_t key;   /* 0: free */
    uint64_t count;
};

struct order_keep {
    uint8_t *bytes; /* a stream's file */
    uint64_t size, capacity, chunk;
    struct trace_sync_codec codec;
    uint32_t chunks;
    uint64_t *handed; /* a set of hashes of (object, from, task) */
    uint64_t handed_count, handed_capacity;
    struct kept_order *orders;
    uint64_t order_count, order_capacity;
    struct kept_clock *clocks;
    uint32_t clock_count, clock_capacity, settled;
    bool sorted;
    struct kept_last *last; /* [last_count] by task */
    uint32_t last_count;
    struct order_pairs *hard; /* [hard_count] by task */
    uint32_t hard_count;
};

void order_keep_begin(struct order *order)
{
    order->keep = memory_get(1, sizeof(*order->keep));
}

void order_keep_free(struct order *order)
{
    struct order_keep *keep = order->keep;
    if (!keep)
        return;
    for (uint32_t i = 0; i < keep->clock_count; i++)
        if (!keep->clocks[i].shares)
            free(keep->clocks[i].pairs);
    free(keep->last);
    for (uint32_t i = 0; i < keep->hard_count; i++)
        free(keep->hard[i].pairs);
    free(keep->hard);
    free(keep->clocks);
    free(keep->orders);
    free(keep->handed);
    free(keep->bytes);
    free(keep);
}

/* ---- the stream in memory ---- */

static struct trace_chunk_header *header_at(struct order_keep *keep, uint64_t offset)
{
    void *place = keep->bytes + offset;
    return place;
}

static void chunk_begin(struct order_keep *keep)
{
    uint64_t offset = keep->chunks ? keep->size : TRACE_SYNC_OFFSET;
    if (offset + CHUNK > keep->capacity) {
        uint64_t capacity = keep->capacity ? 2 * keep->capacity : 4 * CHUNK;
        keep->bytes = memory_resize(keep->bytes, capacity, 1);
        memset(keep->bytes + keep->capacity, 0, capacity - keep->capacity);
        keep->capacity = capacity;
    }
    keep->chunk = offset;
    keep->size = offset + CHUNK;
    *header_at(keep, offset) = (struct trace_chunk_header){
        .magic = TRACE_CHUNK_MAGIC, .size = CHUNK, .sequence = keep->chunks++};
}

static void put(struct order_keep *keep, const struct trace_sync *record)
{
    if (!keep->chunks ||
        header_at(keep, keep->chunk)->used + sizeof(struct trace_chunk_header) + TRACE_RECORD_MAX >
            CHUNK)
        chunk_begin(keep);
    struct trace_chunk_header *chunk = header_at(keep, keep->chunk);
    uint8_t *first = keep->bytes + keep->chunk + sizeof(*chunk) + chunk->used;
    chunk->used += (uint32_t)(trace_sync_put(&keep->codec, first, record) - first);
}

void order_keep_stream(struct order *order, struct trace_blob *blob)
{
    struct order_keep *keep = order->keep;
    if (!keep->chunks)
        chunk_begin(keep);
    *header_at(keep, TRACE_SYNC_WINDOW) = (struct trace_chunk_header){
        .magic = TRACE_CHUNK_MAGIC, .size = TRACE_CHUNK_MIN, .sequence = keep->chunks};
    *blob = (struct trace_blob){keep->bytes, keep->size};
}

/* ---- records ---- */

static bool set_has(uint64_t *slots, uint64_t capacity, uint64_t key, uint64_t **place)
{
    uint64_t at = key;
    while (slots[at & (capacity - 1)] && slots[at & (capacity - 1)] != key)
        at++;
    *place = &slots[at & (capacity - 1)];
    return **place == key;
}

/* Whether this object was never before handed by this task to that one. */
static bool first_time(struct order_keep *keep, const struct trace_sync *record)
{
    uint64_t key = ((uint64_t)record->object << 32 | record->from) * 0x9e3779b97f4a7c15u;
    key = (key ^ key >> 29 ^ record->task) * 0xbf58476d1ce4e5b9u;
    key ^= key >> 32;
    key |= !key;
    uint64_t *place;
    if (keep->handed_count >= keep->handed_capacity / 2) {
        uint64_t capacity = keep->handed_capacity ? 2 * keep->handed_capacity : 1024;
        uint64_t *larger = memory_get(capacity, sizeof(*larger));
        for (uint64_t i = 0; i < keep->handed_capacity; i++)
            if (keep->handed[i] && !set_has(larger, capacity, keep->handed[i], &place))
                *place = keep->handed[i];
        free(keep->handed);
        keep->handed = larger;
        keep->handed_capacity = capacity;
    }
    if (set_has(keep->handed, keep->handed_capacity, key, &place))
        return false;
    *place = key;
    keep->handed_count++;
    return true;
}

static struct kept_order *order_slot(const struct order_keep *keep, uint64_t key)
{
    uint64_t at = key;
    while (keep->orders[at & (keep->order_capacity - 1)].key &&
           keep->orders[at & (keep->order_capacity - 1)].key != key)
        at++;
    return &keep->orders[at & (keep->order_capacity - 1)];
}

static void orders_grow(struct order_keep *keep)
{
    struct order_keep larger = {.order_capacity =
                                    keep->order_capacity ? 2 * keep->order_capacity : 1024};
    larger.orders = memory_get(larger.order_capacity, sizeof(*larger.orders));
    for (uint64_t i = 0; i < keep->order_capacity; i++)
        if (keep->orders[i].key)
            *order_slot(&larger, keep->orders[i].key) = keep->orders[i];
    free(keep->orders);
    keep->orders = larger.orders;
    keep->order_capacity = larger.order_capacity;
}

/* The recorder tells each combination of task, lock and held locks once, as far as it remembers; in
 * a long run it comes again and again. Of these the 1st, 2nd, 4th, 8th... are kept: few, but from
 * the whole time. */
static bool order_worth(struct order_keep *keep, const struct trace_sync *record)
{
    uint64_t key = (uint64_t)record->task << 32 | record->object;
    key = (key ^ record->mode) * 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < record->held_count; i++) {
        key ^= (uint64_t)record->held[i].object << 2 | record->held[i].mode;
        key = (key ^ key >> 29) * 0xbf58476d1ce4e5b9u;
    }
    key ^= key >> 32;
    key |= !key;
    if (keep->order_count >= keep->order_capacity / 2)
        orders_grow(keep);
    struct kept_order *slot = order_slot(keep, key);
    keep->order_count += slot->key == 0;
    slot->key = key;
    slot->count++;
    return (slot->count & (slot->count - 1)) == 0;
}

void order_keep_record(struct order *order, const struct trace_sync *record, bool lock)
{
    struct order_keep *keep = order->keep;
    if (record->type == TRACE_SYNC_SWITCH || record->type == TRACE_SYNC_FOLD ||
        (record->type == TRACE_SYNC_EDGE && !first_time(keep, record)) ||
        (record->type == TRACE_SYNC_ORDER && !order_worth(keep, record)))
        return;
    if (record->task != keep->codec.task) {
        struct trace_sync change = {
            .type = TRACE_SYNC_SWITCH, .task = record->task, .segment = record->segment};
        put(keep, &change);
    }
    put(keep, record);
    bool clock = record->type == TRACE_SYNC_ORDER || lock;
    if (!clock || record->task >= order->task_count)
        return;
    MEMORY_GROW(keep->clocks, keep->clock_count, keep->clock_capacity);
    keep->clocks[keep->clock_count++] =
        (struct kept_clock){.task = record->task, .segment = record->segment};
    keep->sorted = false;
}

/* Has the task no hard edge between the two segments? */
static bool all_soft(const struct order *order, uint32_t task, uint64_t from, uint64_t to)
{
    uint32_t end = order_version(order, task, to);
    for (uint32_t v = order_version(order, task, from); v < end; v++)
        if (order_edge_at(order, task, v)->hard)
            return false;
    return true;
}

/* `clock` is a place to work in. */
static struct order_pairs find_pairs(struct order *order, uint32_t task, uint64_t segment,
                                     uint64_t *clock)
{
    struct order_pairs found = {.known = true, .version = order_version(order, task, segment)};
    uint32_t capacity = 0;
    order_search(order, clock, task, segment, true);
    for (uint32_t t = 1; t < order->task_count; t++) {
        if (!clock[t])
            continue;
        MEMORY_GROW(found.pairs, found.count, capacity);
        found.pairs[found.count++] = (struct order_pair){clock[t], t};
    }
    if (found.count < capacity)
        found.pairs = memory_resize(found.pairs, found.count, sizeof(*found.pairs));
    return found;
}

void order_keep_settle(struct order *order)
{
    struct order_keep *keep = order->keep;
    if (keep->settled == keep->clock_count)
        return;
    uint64_t *clock = memory_get(order->task_count, sizeof(*clock));
    keep->last = memory_resize(keep->last, order->task_count, sizeof(*keep->last));
    memset(keep->last + keep->last_count, 0,
           (order->task_count - keep->last_count) * sizeof(*keep->last));
    keep->last_count = order->task_count;
    for (uint32_t i = 0; i < keep->clock_count; i++) {
        struct kept_clock *kept = &keep->clocks[i];
        struct kept_last *last = &keep->last[kept->task];
        if (kept->known)
            continue;
        kept->known = true;
        if (last->segment && last->segment <= kept->segment &&
            all_soft(order, kept->task, last->segment, kept->segment)) {
            kept->pairs = last->pairs;
            kept->count = last->count;
            kept->shares = true;
        } else {
            struct order_pairs found = find_pairs(order, kept->task, kept->segment, clock);
            kept->pairs = found.pairs;
            kept->count = found.count;
        }
        *last = (struct kept_last){kept->segment, kept->pairs, kept->count};
    }
    free(clock);
    keep->settled = keep->clock_count;
}

static int compare_clocks(const void *a, const void *b)
{
    const struct kept_clock *x = a, *y = b;
    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return x->segment < y->segment ? -1 : x->segment > y->segment;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct order_pair *x = a, *y = b;
    return x->task < y->task ? -1 : x->task > y->task;
}

bool order_keep_before(struct order *order, uint32_t a, uint64_t a_segment, uint32_t b,
                       uint64_t b_segment, bool *before)
{
    struct order_keep *keep = order->keep;
    if (!keep || !keep->clock_count)
        return false;
    if (!keep->sorted)
        qsort(keep->clocks, keep->clock_count, sizeof(*keep->clocks), compare_clocks);
    keep->sorted = true;
    struct kept_clock wanted = {.task = b, .segment = b_segment};
    const struct kept_clock *kept =
        bsearch(&wanted, keep->clocks, keep->clock_count, sizeof(wanted), compare_clocks);
    if (!kept)
        return false;
    struct order_pair pair = {.task = a};
    const struct order_pair *found =
        kept->count ? bsearch(&pair, kept->pairs, kept->count, sizeof(pair), compare_pairs) : NULL;
    *before = found && found->segment >= a_segment;
    return true;
}

/* ---- retiring ---- */

const struct order_pairs *order_keep_hard(const struct order *order, uint32_t task)
{
    const struct order_keep *keep = order->keep;
    return keep && task < keep->hard_count && keep->hard[task].known ? &keep->hard[task] : NULL;
}

uint64_t order_edges_left(const struct order *order)
{
    uint64_t count = 0;
    for (uint32_t t = 0; t < order->task_count; t++)
        count += order->lists[t].count;
    return count;
}

static uint64_t segment_of(const struct order_cut *cut, uint32_t task)
{
    return cut->asleep && cut->asleep[task] ? cut->next[task] - 1 : cut->base[task];
}

/* The clocks by hard edges at the base, or where a task sleeps, of tasks that have edges; those that have none were not
 * there before, or are over. Where a task has come to no other edge since, it is what it was: of 20,000 tasks most sleep. */
static void renew_hard(struct order *order, const struct order_cut *cut)
{
    struct order_keep *keep = order->keep;
    struct order_pairs *hard = memory_get(order->task_count, sizeof(*hard));
    uint64_t *clock = memory_get(order->task_count, sizeof(*clock));
    for (uint32_t t = 1; t < cut->count; t++) {
        uint64_t segment = segment_of(cut, t);
        const struct order_pairs *old = order_keep_hard(order, t);
        if (!order->lists[t].count || !segment)
            continue;
        if (!old || old->version != order_version(order, t, segment))
            hard[t] = find_pairs(order, t, segment, clock);
    }
    for (uint32_t t = 0; t < keep->hard_count; t++) {
        bool stays =
            t < cut->count && order->lists[t].count && !hard[t].known && segment_of(cut, t);
        if (stays)
            hard[t] = keep->hard[t];
        else
            free(keep->hard[t].pairs);
    }
    free(clock);
    free(keep->hard);
    keep->hard = hard;
    keep->hard_count = cut->count;
}

static void *copy(const void *array, uint32_t count, size_t size)
{
    return array ? memcpy(memory_get(count, size), array, count * size) : NULL;
}

void order_retire(struct order *order, const struct order_cut *cut)
{
    renew_hard(order, cut);
    free(order->base);
    free(order->next);
    free(order->asleep);
    order->base = copy(cut->base, cut->count, sizeof(*cut->base));
    order->next = copy(cut->next, cut->count, sizeof(*cut->next));
    order->asleep = copy(cut->asleep, cut->count, sizeof(*cut->asleep));
    order->base_size = cut->count;
    order->retirements++;
    for (uint32_t t = 0; t < order->keep->last_count;
         t++) /* which edges there were since is not known any more */
        order->keep->last[t].segment = 0;
    for (uint32_t t = 1; t < cut->count; t++) {
        struct order_list *list = &order->lists[t];
        uint32_t drop = order_version(order, t, cut->base[t]) - list->retired;
        if (drop < 2)
            continue;
        drop--; /* the last one stays, as the last synchronisation before what comes */
        memmove(list->edges, list->edges + drop, (list->count - drop) * sizeof(*list->edges));
        list->count -= drop;
        list->asked -= drop;
        list->retired += drop;
        if (list->count < list->capacity / 4) {
            list->capacity = list->count ? list->count : 1;
            list->edges = memory_resize(list->edges, list->capacity, sizeof(*list->edges));
        }
    }
}

/* ---- those that slept ---- */

#define LOOKS 256u /* edges */
#define DEEP  4u   /* from a task that slept, by one that began since, and the clock of an object */

static bool after_base(const struct order *order, uint32_t task, uint64_t segment, uint32_t depth,
                       uint32_t *looks)
{
    if (task < order->base_size && !order_sleeps(order, task) && segment >= order->next[task])
        return true;
    if (!depth)
        return false;
    uint32_t retired = order->lists[task].retired;
    for (uint32_t v = order_version(order, task, segment); v > retired && *looks; v--) {
        const struct order_edge *edge = order_edge_at(order, task, v - 1);
        --*looks;
        if (edge->from != ORDER_DROPPED &&
            after_base(order, edge->from, edge->from_segment, depth - 1, looks))
            return true;
    }
    return false;
}

bool order_after_base(const struct order *order, uint32_t task, uint64_t segment)
{
    uint32_t looks = LOOKS;
    return !order->next || after_base(order, task, segment, DEEP, &looks);
}
