/*
 * Clocks against vectors: random raises, joins, copies and drops, in pools of one level and of four; equal answers, and no
 * clock changes when another does. The least of many against a loop. And what a hundred thousand of them cost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/clock.h"

enum { CLOCKS = 12, STEPS = 3000 };

static uint64_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

struct model {
    uint32_t tasks;
    struct clock_pool pool;
    struct clock clocks[CLOCKS];
    uint64_t *vectors[CLOCKS];
};

static void compare(const struct model *model)
{
    for (uint32_t c = 0; c < CLOCKS; c++)
        for (uint32_t t = 0; t < model->tasks; t++)
            if (clock_get(&model->pool, model->clocks[c], t) != model->vectors[c][t])
                fail_msg("clock %u task %u: %llu, not %llu", c, t,
                         (unsigned long long)clock_get(&model->pool, model->clocks[c], t),
                         (unsigned long long)model->vectors[c][t]);
}

/* Tasks near each other, mostly: nodes with several, and nodes with one. */
static uint32_t any_task(const struct model *model)
{
    uint32_t near = model->tasks < 100 ? model->tasks : 100;
    return any(3) ? any(near) : any(model->tasks);
}

static void compare_least(struct model *model)
{
    uint64_t *least = calloc(model->tasks, sizeof(*least));
    struct clock chosen[CLOCKS];
    uint32_t owners[CLOCKS], index[CLOCKS], count = any(CLOCKS + 1);
    for (uint32_t i = 0; i < count; i++) {
        index[i] = any(CLOCKS);
        chosen[i] = model->clocks[index[i]];
        owners[i] = 1 + any(model->tasks - 1);
    }
    clock_least(&model->pool, chosen, owners, count, least, model->tasks);
    for (uint32_t t = 1; t < model->tasks; t++) {
        uint64_t expected = UINT64_MAX;
        for (uint32_t i = 0; i < count; i++)
            if (owners[i] != t && model->vectors[index[i]][t] < expected)
                expected = model->vectors[index[i]][t];
        assert_int_equal(least[t], expected);
    }
    free(least);
}

static void random_steps(uint32_t tasks)
{
    struct model model = {.tasks = tasks};
    seed = tasks;
    clock_pool_open(&model.pool, tasks);
    for (uint32_t c = 0; c < CLOCKS; c++)
        model.vectors[c] = calloc(tasks, sizeof(uint64_t));
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t a = any(CLOCKS), b = any(CLOCKS), what = any(100);
        if (what < 60) {
            uint32_t task = any_task(&model);
            uint64_t segment = any(50);
            clock_raise(&model.pool, &model.clocks[a], task, segment);
            if (model.vectors[a][task] < segment)
                model.vectors[a][task] = segment;
        } else if (what < 85) {
            clock_join(&model.pool, &model.clocks[a], model.clocks[b]);
            for (uint32_t t = 0; t < tasks; t++)
                if (model.vectors[a][t] < model.vectors[b][t])
                    model.vectors[a][t] = model.vectors[b][t];
        } else if (what < 98 && a != b) {
            clock_drop(&model.pool, &model.clocks[a]);
            model.clocks[a] = clock_share(model.clocks[b]);
            memcpy(model.vectors[a], model.vectors[b], tasks * sizeof(uint64_t));
        } else {
            clock_drop(&model.pool, &model.clocks[a]);
            memset(model.vectors[a], 0, tasks * sizeof(uint64_t));
        }
        if (step % (tasks > 5000 ? 500 : 50) == 0)
            compare(&model);
        if (step % 100 == 0)
            compare_least(&model);
    }
    compare(&model);
    for (uint32_t c = 0; c < CLOCKS; c++) {
        clock_drop(&model.pool, &model.clocks[c]);
        free(model.vectors[c]);
    }
    assert_int_equal(model.pool.bytes, 0); /* every reference was given back */
    clock_pool_close(&model.pool);
}

static void against_vectors(void **state)
{
    (void)state;
    const uint32_t sizes[] = {2, 3, 64, 65, 100, 2048, 2049, 70000};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        random_steps(sizes[i]);
}

/* What one knows of all that another knows becomes the very same nodes. */
static void same_again(void **state)
{
    (void)state;
    struct clock_pool pool;
    struct clock a = {NULL}, b = {NULL};
    clock_pool_open(&pool, 100000);
    for (uint32_t t = 1; t < 100000; t += 7)
        clock_raise(&pool, &a, t, 5);
    for (uint32_t t = 1; t < 100000; t += 7)
        clock_raise(&pool, &b, t, 6);
    uint64_t both = pool.bytes;
    clock_join(&pool, &a, b);
    assert_ptr_equal(a.root, b.root);
    assert_int_equal(pool.bytes, both / 2);
    clock_raise(&pool, &a, 50001, 9);
    assert_int_equal(clock_get(&pool, b, 50001), 0);
    assert_true(pool.bytes < both / 2 + 2000); /* one node of each level */
    clock_pool_close(&pool);
}

/* A hundred thousand tasks alive, of a million: each was made by task 1, which knows of all that have ended, and has heard
 * of one neighbour since. */
static void many_alive(void **state)
{
    (void)state;
    const uint32_t tasks = 1000000, alive = 100000;
    struct clock_pool pool;
    struct clock creator = {NULL}, *clocks = calloc(alive, sizeof(*clocks));
    uint32_t *owners = calloc(alive, sizeof(*owners));
    uint64_t *least = calloc(tasks, sizeof(*least));
    clock_pool_open(&pool, tasks);
    for (uint32_t t = 2; t < tasks - alive; t++)
        clock_raise(&pool, &creator, t, 3);
    for (uint32_t i = 0; i < alive; i++) {
        owners[i] = tasks - alive + i;
        clocks[i] = clock_share(creator);
        clock_raise(&pool, &clocks[i], 1, i + 1);
        if (i)
            clock_join(&pool, &clocks[i], clocks[i - 1]);
        if (i)
            clock_raise(&pool, &clocks[i], owners[i - 1], 1);
    }
    assert_true(pool.bytes < UINT64_C(400) << 20); /* as vectors, 800 GB */
    clock_least(&pool, clocks, owners, alive, least, tasks);
    assert_int_equal(least[1], 1);
    assert_int_equal(least[2], 3);
    assert_int_equal(least[tasks - alive], 1); /* all but itself know it: each of the next */
    assert_int_equal(least[tasks - alive + 1], 0);
    assert_int_equal(clock_get(&pool, clocks[alive - 1], 1), alive);
    assert_int_equal(clock_get(&pool, clocks[alive - 1], owners[0]), 1);
    clock_pool_close(&pool);
    free(clocks);
    free(owners);
    free(least);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_vectors),
        cmocka_unit_test(same_again),
        cmocka_unit_test(many_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
