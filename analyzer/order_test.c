/*
 * Clocks: edges, folds, hard edges, cycles, and walks through many tasks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/order.h"
#include "analyzer/trace_make.h"

struct opened {
    struct trace_make *make;
    struct trace *trace;
    struct order *order;
};

static struct opened build(struct trace_make *make)
{
    char *error;
    struct opened opened = {.make = make};
    trace_make_write(make);
    opened.trace = trace_open(make->path, &error);
    assert_non_null(opened.trace);
    opened.order = order_build(opened.trace);
    return opened;
}

static void done(struct opened *opened)
{
    order_free(opened->order);
    trace_close(opened->trace);
    trace_make_free(opened->make);
}

static uint64_t known(const struct order_walk *walk, uint32_t task, uint32_t of)
{
    return clock_get(order_walk_pool(walk), order_walk_clock(walk, task), of);
}

/* Tasks 2 and 3, made by main at its segment 1; a mutex hands 2's segment 5 to 3's segment 4, a
 * semaphore 3's 6 to main's 7. */
static struct opened three_tasks(void)
{
    struct trace_make *make = trace_make_new();
    make_task(make, 1, "a");
    make_task(make, 1, "b");
    uint32_t task = make_object(make, TRACE_OBJECT_TASK, 0);
    uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
    uint32_t semaphore = make_object(make, TRACE_OBJECT_SEMAPHORE, 0x6000);
    make_switch(make, 0, 1, 1);
    make_switch(make, 1, 2, 1);
    make_switch(make, 2, 3, 1);
    make_edge(make, 1, 1, 1, 1, task);
    make_edge(make, 2, 1, 1, 1, task);
    make_edge(make, 2, 4, 2, 5, mutex);
    make_edge(make, 0, 7, 3, 6, semaphore);
    return build(make);
}

static void point_queries(void **state)
{
    (void)state;
    struct opened opened = three_tasks();
    struct order *order = opened.order;
    assert_int_equal(order->edge_count, 4);
    assert_int_equal(opened.trace->problem_count, 0);
    assert_true(order_before(order, 2, 5, 3, 4, false));
    assert_false(order_before(order, 2, 6, 3, 4, false));
    assert_false(order_before(order, 2, 5, 3, 3, false));
    assert_true(order_before(order, 1, 1, 3, 1, false));
    assert_false(order_before(order, 1, 2, 3, 9, false));
    assert_true(order_before(order, 2, 5, 1, 7, false)); /* through 3 */
    assert_false(order_before(order, 2, 5, 1, 6, false));
    assert_true(order_before(order, 2, 1, 2, 1, false));
    assert_false(order_before(order, 2, 2, 2, 1, false));
    /* without the mutex */
    assert_false(order_before(order, 2, 5, 3, 4, true));
    assert_true(order_before(order, 1, 1, 3, 4, true));
    assert_true(order_before(order, 3, 6, 1, 7, true));
    assert_false(order_before(order, 2, 5, 1, 7, true));
    assert_int_equal(order_last_edge(order, 3, 9)->from, 2);
    assert_int_equal(order_last_edge(order, 3, 3)->from, 1);
    assert_null(order_last_edge(order, 1, 6));
    done(&opened);
}

/* The walk gives the same clocks as the queries, and lets no task go ahead of what it is after. */
static void walk(void **state)
{
    (void)state;
    struct opened opened = three_tasks();
    struct order_walk *walk = order_walk_new(opened.order);
    uint32_t other;
    uint64_t until;
    assert_false(order_walk_enter(walk, 3, 1, false, &other, &until));
    assert_int_equal(other, 1);
    assert_int_equal(until, 1);
    order_walk_done(walk, 1, 1);
    assert_true(order_walk_enter(walk, 3, 1, false, &other, &until));
    assert_false(order_walk_enter(walk, 3, 5, false, &other, &until));
    assert_int_equal(other, 2);
    assert_int_equal(until, 5);
    order_walk_done(walk, 2, UINT64_MAX); /* 2 has no events: its edges are applied on demand */
    assert_true(order_walk_enter(walk, 3, 5, false, &other, &until));
    assert_int_equal(known(walk, 3, 1), 1);
    assert_int_equal(known(walk, 3, 2), 5);
    assert_false(order_walk_enter(walk, 1, 7, false, &other, &until));
    assert_int_equal(other, 3);
    order_walk_done(walk, 3, 6);
    assert_true(order_walk_enter(walk, 1, 7, false, &other, &until));
    assert_int_equal(known(walk, 1, 2), 5);
    assert_int_equal(known(walk, 1, 3), 6);
    order_walk_free(walk);
    done(&opened);
}

/* A source that has gone on is met as it was at the edge. */
static void snapshots(void **state)
{
    (void)state;
    struct trace_make *make = trace_make_new();
    make_task(make, 1, "a");
    make_task(make, 1, "b");
    uint32_t object = make_object(make, TRACE_OBJECT_ATOMIC, 0x5000);
    make_switch(make, 0, 1, 1);
    make_switch(make, 1, 2, 1);
    make_switch(make, 2, 3, 1);
    make_edge(make, 1, 2, 1, 3, object); /* 2 knows 1's 3 at its 2, and 1's 8 at its 9 */
    make_edge(make, 1, 9, 1, 8, object);
    make_edge(make, 2, 2, 2, 5, object); /* 3 knows 2's 5, so 1's 3 */
    make_edge(make, 2, 4, 2, 9, object);
    struct opened opened = build(make);
    struct order_walk *walk = order_walk_new(opened.order);
    uint32_t other;
    uint64_t until;
    order_walk_done(walk, 1, UINT64_MAX);
    assert_true(order_walk_enter(walk, 2, 20, false, &other, &until));
    order_walk_done(walk, 2, UINT64_MAX);
    assert_true(order_walk_enter(walk, 3, 2, false, &other, &until));
    assert_int_equal(known(walk, 3, 1), 3);
    assert_true(order_walk_enter(walk, 3, 4, false, &other, &until));
    assert_int_equal(known(walk, 3, 1), 8);
    order_walk_free(walk);
    done(&opened);
}

/* A folded clock: 3 is after the clock 4, which is after 1 and 2 from its segments 1 and 2 on. */
static void folds(void **state)
{
    (void)state;
    struct trace_make *make = trace_make_new();
    make_task(make, 1, "a");
    make_task(make, 1, "b");
    uint32_t clock = make_task(make, 1, "");
    make->tasks[clock].kind = TRACE_TASK_CLOCK;
    uint32_t object = make_object(make, TRACE_OBJECT_ATOMIC, 0x5000);
    make_switch(make, 0, 1, 1);
    make_switch(make, 1, 2, 1);
    make_switch(make, 2, 3, 1);
    struct trace_sync fold = {
        .type = TRACE_SYNC_FOLD, .task = clock, .segment = 2, .from = 2, .from_segment = 4};
    make_sync(make, 1, &fold);
    fold = (struct trace_sync){
        .type = TRACE_SYNC_FOLD, .task = clock, .segment = 1, .from = 1, .from_segment = 3};
    make_sync(make, 0, &fold);
    make_edge(make, 2, 2, clock, 1, object);
    make_edge(make, 2, 3, clock, 2, object);
    struct opened opened = build(make);
    assert_true(order_before(opened.order, 1, 3, 3, 2, false));
    assert_false(order_before(opened.order, 2, 4, 3, 2, false));
    assert_true(order_before(opened.order, 2, 4, 3, 3, false));
    done(&opened);
}

static void cycles(void **state)
{
    (void)state;
    struct trace_make *make = trace_make_new();
    make_task(make, 1, "a");
    make_switch(make, 0, 1, 1);
    make_switch(make, 1, 2, 1);
    make_edge(make, 0, 2, 2, 5, 0);
    make_edge(make, 1, 3, 1, 4, 0);
    make_edge(make, 1, 4, 77, 4, 0); /* of no task */
    make_edge(make, 1, 5, 2, 4, 0);  /* of itself: says nothing */
    make_edge(make, 1, 6, 2, 6, 0);  /* of its own future */
    struct opened opened = build(make);
    assert_int_equal(opened.trace->problem_count, 3);
    assert_false(opened.trace->complete);
    struct order_walk *walk = order_walk_new(opened.order);
    uint32_t other;
    uint64_t until;
    order_walk_done(walk, 1, UINT64_MAX);
    order_walk_done(walk, 2, UINT64_MAX);
    assert_true(order_walk_enter(walk, 1, 9, false, &other, &until));
    assert_true(order_walk_enter(walk, 2, 9, false, &other, &until));
    order_walk_free(walk);
    done(&opened);
}

/* Ten thousand tasks one after the other: created at main's segment i, joined by its edge at
 * segment i + 1. */
static void tasks_in_a_row(void **state)
{
    (void)state;
    const uint32_t count = 10000, first = 64;
    struct trace_make *make = trace_make_new();
    make->more_tasks = count;
    make_switch(make, 0, 1, 1);
    for (uint32_t i = 0; i < count; i++) {
        make_switch(make, 1, first + i, 1);
        make_edge(make, 1, 1, 1, i + 1, 0);
        make_edge(make, 0, i + 2, first + i, 1, 0);
    }
    struct opened opened = build(make);
    assert_int_equal(opened.trace->problem_count, 0);
    struct order_walk *walk = order_walk_new(opened.order);
    uint32_t other;
    uint64_t until;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(order_walk_enter(walk, 1, i + 1, false, &other, &until));
        order_walk_done(walk, 1, i + 1);
        assert_true(order_walk_enter(walk, first + i, 1, false, &other, &until));
        assert_int_equal(known(walk, first + i, 1), i + 1);
        if (i)
            assert_int_equal(known(walk, first + i, first + i - 1), 1);
        order_walk_done(walk, first + i, UINT64_MAX);
        if (i % 100 == 0) /* two clocks, and what main's checkpoints do not share */
            assert_true(order_walk_memory(walk) <= 64 * (first + count));
    }
    order_walk_free(walk);
    assert_true(order_before(opened.order, first, 1, first + count - 1, 1, false));
    done(&opened);
}

/* ---- random walks against vectors ---- */

enum { EVENTS = 4000 };

static uint64_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

/* A task comes to `segment`, with what it is after then. */
struct step {
    uint32_t task;
    uint64_t segment;
    uint64_t *clock;
};

struct world {
    uint32_t tasks;
    struct step steps[EVENTS];
    uint64_t **now; /* [task]: its clock */
    uint64_t *segments;
};

/* Each step: a task, mostly one of few, learns of another, mostly one of few, up to where that is or was. */
static void world_make(struct world *world, struct trace_make *make)
{
    uint32_t n = world->tasks, stream = UINT32_MAX, last = 0;
    world->now = calloc(n, sizeof(*world->now));
    world->segments = calloc(n, sizeof(*world->segments));
    for (uint32_t t = 0; t < n; t++) {
        world->now[t] = calloc(n, sizeof(uint64_t));
        world->segments[t] = 1;
    }
    for (uint32_t i = 0; i < EVENTS; i++) {
        uint32_t task = 1 + (any(2) ? any(3) : any(n - 1)), from = task;
        while (from == task)
            from = 1 + (any(2) ? any(3) : any(n - 1));
        uint64_t segment = ++world->segments[task];
        uint64_t until =
            world->segments[from] - (any(3) ? 0 : any((uint32_t)world->segments[from]));
        /* The streams of tasks come and go; a task is on one at a time. */
        uint32_t at = task % 8;
        if (at != stream || task != last)
            make_switch(make, at, task, segment);
        stream = at;
        last = task;
        make_edge(make, at, segment, from, until, 0);
        const uint64_t *known = NULL;
        for (uint32_t k = i; k-- > 0 && !known;)
            if (world->steps[k].task == from && world->steps[k].segment <= until)
                known = world->steps[k].clock;
        uint64_t *clock = world->now[task];
        for (uint32_t t = 0; known && t < n; t++)
            clock[t] = clock[t] > known[t] ? clock[t] : known[t];
        clock[from] = clock[from] > until ? clock[from] : until;
        clock[task] = 0;
        world->steps[i] = (struct step){task, segment, calloc(n, sizeof(uint64_t))};
        memcpy(world->steps[i].clock, clock, n * sizeof(uint64_t));
    }
}

struct walker {
    struct order_walk *walk;
    const struct world *world;
    uint32_t *at;   /* [task]: its next step, EVENTS: none */
    uint64_t *next; /* [task]: that one's segment */
    uint64_t *floor;
    uint32_t left;
};

static void next_step(struct walker *walker, uint32_t task, uint32_t from)
{
    const struct world *world = walker->world;
    while (from < EVENTS && world->steps[from].task != task)
        from++;
    walker->at[task] = from;
    walker->next[task] = from < EVENTS ? world->steps[from].segment : UINT64_MAX;
    order_walk_done(walker->walk, task, from < EVENTS ? walker->next[task] - 1 : UINT64_MAX);
}

/* Brings a task to its next step, others before it as the walk asks for; compares what it knows then. */
static void walk_step(struct walker *walker, uint32_t task)
{
    const struct step *step = &walker->world->steps[walker->at[task]];
    uint32_t other;
    uint64_t until;
    while (!order_walk_enter(walker->walk, task, step->segment, false, &other, &until))
        walk_step(walker, other);
    for (uint32_t t = 1; t < walker->world->tasks; t++)
        if (t != task)
            assert_int_equal(known(walker->walk, task, t), step->clock[t]);
    walker->left--;
    next_step(walker, task, walker->at[task] + 1);
}

static void compare_floor(struct walker *walker)
{
    const struct world *world = walker->world;
    order_walk_floor(walker->walk, walker->next, NULL, walker->floor);
    for (uint32_t t = 1; t < world->tasks; t++) {
        uint64_t least = UINT64_MAX;
        for (uint32_t u = 1; u < world->tasks; u++)
            if (u != t && walker->at[u] < EVENTS && world->steps[walker->at[u]].clock[t] < least)
                least = world->steps[walker->at[u]].clock[t];
        assert_int_equal(walker->floor[t], least);
    }
}

static void random_walk(uint32_t tasks)
{
    struct world *world = calloc(1, sizeof(*world));
    struct trace_make *make = trace_make_new();
    world->tasks = tasks;
    seed = tasks;
    make->more_tasks = tasks > 64 ? tasks - 64 : 1;
    for (uint32_t t = 2; t < tasks && t < 64; t++)
        make_task(make, 1, "task");
    world_make(world, make);
    struct opened opened = build(make);
    assert_int_equal(opened.trace->problem_count, 0);
    struct walker walker = {.walk = order_walk_new(opened.order),
                            .world = world,
                            .at = calloc(tasks, sizeof(uint32_t)),
                            .next = calloc(opened.order->task_count, sizeof(uint64_t)),
                            .floor = calloc(opened.order->task_count, sizeof(uint64_t)),
                            .left = EVENTS};
    for (uint32_t t = 0; t < opened.order->task_count; t++) {
        if (t > 0 && t < tasks)
            next_step(&walker, t, 0);
        else
            order_walk_done(walker.walk, t, UINT64_MAX);
    }
    while (walker.left) {
        uint32_t task = 1 + (any(4) ? any(tasks - 1) : any(3));
        for (uint32_t burst = any(200); burst > 0 && walker.at[task] < EVENTS; burst--)
            walk_step(&walker, task);
        if (any(tasks) < 4 && any(10) == 0)
            compare_floor(&walker);
    }
    order_walk_free(walker.walk);
    free(walker.at);
    free(walker.next);
    free(walker.floor);
    for (uint32_t i = 0; i < EVENTS; i++)
        free(world->steps[i].clock);
    for (uint32_t t = 0; t < tasks; t++)
        free(world->now[t]);
    free(world->now);
    free(world->segments);
    free(world);
    done(&opened);
}

/* Every clock on the way, and the floor now and then, as vectors would have them. */
static void random_walks(void **state)
{
    (void)state;
    const uint32_t sizes[] = {4, 10, 65, 300, 2300};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        random_walk(sizes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(point_queries), cmocka_unit_test(walk),   cmocka_unit_test(snapshots),
        cmocka_unit_test(folds),         cmocka_unit_test(cycles), cmocka_unit_test(tasks_in_a_row),
        cmocka_unit_test(random_walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
