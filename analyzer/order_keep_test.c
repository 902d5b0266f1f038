/*
 * Edges that were retired are still known by what they made: clocks by hard edges after several retirements are those of an
 * order that kept all its edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyzer/memory.h"
#include "analyzer/order.h"

#define TASKS  7u /* 1..6; the last one has no edge for long, as who sleeps */
#define ROUNDS 12u
#define STEPS  25u

struct world {
    uint64_t seed;
    struct order *all, *kept;
    uint64_t segment[TASKS];
};

static uint32_t pick(struct world *world, uint32_t limit)
{
    world->seed = world->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(world->seed >> 33) % limit;
}

static void add(struct order *order, uint32_t task, const struct order_edge *edge)
{
    struct order_list *list = &order->lists[task];
    MEMORY_GROW(list->edges, list->count, list->capacity);
    list->edges[list->count++] = *edge;
}

/* From here on `task` is after what `from` has done. */
static void edge(struct world *world, uint32_t from, uint32_t task, bool hard)
{
    struct order_edge edge = {.from = from,
                              .from_segment = world->segment[from]++,
                              .segment = ++world->segment[task],
                              .hard = hard};
    add(world->all, task, &edge);
    add(world->kept, task, &edge);
}

static struct order *order_new(void)
{
    struct order *order = order_begin();
    order_keep_begin(order);
    order->task_count = TASKS;
    free(order->lists);
    order->lists = memory_get(TASKS, sizeof(*order->lists));
    return order;
}

/* All tasks meet, but for the last one now and then: by soft edges. What they come to is after all before. */
static void retire(struct world *world, bool last)
{
    uint64_t base[TASKS] = {0}, next[TASKS];
    uint32_t end = last ? TASKS : TASKS - 1;
    for (uint32_t t = 2; t < end; t++)
        edge(world, t, 1, false);
    for (uint32_t t = 1; t < end; t++)
        base[t] = world->segment[t] - (t > 1);
    for (uint32_t t = 2; t < end; t++)
        edge(world, 1, t, false);
    for (uint32_t t = 1; t < TASKS; t++)
        next[t] = ++world->segment[t];
    bool asleep[TASKS] = {[TASKS - 1] = !last};
    order_retire(world->kept,
                 &(struct order_cut){.base = base, .next = next, .asleep = asleep, .count = TASKS});
}

static void hard_clocks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct world world = {.seed = seed, .all = order_new(), .kept = order_new()};
        for (uint32_t t = 1; t < TASKS; t++)
            world.segment[t] = 1;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            uint32_t awake = round % 4 ? TASKS - 2 : TASKS - 1;
            for (uint32_t i = 0; i < STEPS; i++) {
                uint32_t from = 1 + pick(&world, awake), task = 1 + pick(&world, awake);
                if (from != task)
                    edge(&world, from, task, pick(&world, 2));
            }
            for (uint32_t t = 1; t < TASKS; t++) {
                const uint64_t *kept = order_clock(world.kept, t, world.segment[t], true);
                const uint64_t *all = order_clock(world.all, t, world.segment[t], true);
                for (uint32_t other = 1; other < TASKS; other++)
                    assert_int_equal(kept[other], all[other]);
            }
            retire(&world, round % 4 == 0);
        }
        assert_true(order_edges_left(world.kept) < order_edges_left(world.all) / 4);
        order_free(world.all);
        order_free(world.kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hard_clocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
