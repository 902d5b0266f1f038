/*
 * What is the same for all lines of a group stays one history; whatever is not splits it, and then each line has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/race_group.h"
#include "analyzer/race_source.h"

#define GROUP    UINT64_C(0x1000) /* its lines are those from LINE on */
#define LINE     (GROUP * RACE_GROUP_LINES)
#define ALL      (~UINT64_C(0))
#define A_WRITES (1u << RACE_SITE_SHIFT | RACE_SITE_WRITE)
#define B_READS  (2u << RACE_SITE_SHIFT)
#define B_WRITES (3u << RACE_SITE_SHIFT | RACE_SITE_WRITE)

struct world {
    struct trace trace;
    struct order order;
    struct order_list lists[3];
    struct race_scan scan;
    struct race_history history;
    struct race_shard shard;
    struct clock_pool clocks;
    struct race_now a, b; /* task 1; task 2, which is after nothing */
};

/* (One at a time: it is too large for the stack of a test under the sanitizers.) */
static struct world the_world;

static struct world *open_world(void)
{
    struct world *world = &the_world;
    *world = (struct world){.scan = {.task_count = 3}, .shard = {.count = 1}};
    world->scan.trace = &world->trace;
    world->shard.scan = &world->scan;
    world->order = (struct order){.task_count = 3, .lists = world->lists};
    clock_pool_open(&world->clocks, 3);
    race_history_open(&world->history, &world->scan, 16, UINT64_C(64) << 20);
    world->history.order = &world->order;
    world->a = (struct race_now){
        .task = 1, .segment = 1, .clocks = &world->clocks, .site = A_WRITES, .position = 1};
    world->b = (struct race_now){
        .task = 2, .segment = 1, .clocks = &world->clocks, .site = B_READS, .position = 2};
    return world;
}

static void close_world(struct world *world)
{
    clock_drop(&world->clocks, &world->b.clock);
    race_history_close(&world->history);
    clock_pool_close(&world->clocks);
}

static void block(struct world *world, bool begins, const struct race_now *now, uint64_t address,
                  uint64_t size)
{
    static uint64_t tsc;
    struct race_record record = {.type = begins ? TRACE_ACCESS_ALLOC : TRACE_ACCESS_FREE,
                                 .kind = TRACE_ALLOC_HEAP,
                                 .address = address,
                                 .size = size,
                                 .tsc = ++tsc};
    if (begins)
        race_block_begin(&world->history, &world->shard, now, &record);
    else
        race_block_end(&world->history, &world->shard, now, &record);
}

/* Its slot, which is free if there is no such line. */
static struct race_line *line_of(struct world *world, uint64_t i)
{
    return race_line_find(&world->history, LINE + i);
}

static struct race_line *group_of(struct world *world)
{
    assert_non_null(race_group_find(&world->history, GROUP));
    return race_line_find(&world->history, GROUP | RACE_GROUP);
}

/* Each line has `count` entries, of this block or another one, and the group is none any more. */
static void assert_split(struct world *world, uint32_t count, bool has_block)
{
    assert_null(race_group_find(&world->history, GROUP));
    assert_int_equal(world->history.group_count, 0);
    for (uint64_t i = 0; i < RACE_GROUP_LINES; i++) {
        const struct race_line *line = line_of(world, i);
        assert_int_equal(line->line, LINE + i + 1);
        assert_int_equal(line->count, count);
        for (uint32_t e = 0; e < count; e++)
            assert_int_equal(race_line_entries(&world->history, line)[e].block != 0, has_block);
        assert_int_equal(line->blocks != 0, has_block);
    }
}

static void assert_whole(struct world *world, uint32_t count)
{
    assert_int_equal(group_of(world)->count, count);
    for (uint64_t i = 0; i < RACE_GROUP_LINES; i++)
        assert_int_equal(line_of(world, i)->line, 0);
}

/* Reads that know nothing of each other, and what is after all. */
static void stays_whole(void **state)
{
    (void)state;
    struct world *world = open_world();
    world->a.site = B_READS;
    assert_true(race_check_group(&world->history, &world->a, GROUP, ALL));
    assert_true(race_check_group(&world->history, &world->b, GROUP, ALL));
    assert_whole(world, 2);
    clock_raise(&world->clocks, &world->b.clock, 1, 1);
    world->b.site = B_WRITES;
    assert_true(race_check_group(&world->history, &world->b, GROUP, ALL));
    assert_whole(world, 3);
    for (uint64_t i = 0; i < 5000; i++) /* the table grows, and it is found in the new one */
        assert_non_null(race_line_get(&world->history, 2 * LINE + i, true));
    assert_whole(world, 3);
    assert_int_equal(world->history.group_count, 1);
    close_world(world);
}

static void race_splits(void **state)
{
    (void)state;
    struct world *world = open_world();
    assert_true(race_check_group(&world->history, &world->a, GROUP, ALL));
    assert_false(race_check_group(&world->history, &world->b, GROUP, ALL));
    assert_split(world, 1, false);
    assert_int_equal(world->history.pair_count, 1); /* none yet: 0 is none */
    assert_false(race_check_group(&world->history, &world->b, GROUP, ALL));
    close_world(world);
}

static void single_access_splits(void **state)
{
    (void)state;
    struct world *world = open_world();
    assert_true(race_check_group(&world->history, &world->a, GROUP, ALL));
    assert_non_null(race_line_get(&world->history, LINE + 3, false));
    assert_split(world, 1, false);
    assert_int_equal(world->history.pool_entries, RACE_GROUP_LINES * 2);
    close_world(world);
}

static void small_block_splits(void **state)
{
    (void)state;
    struct world *world = open_world();
    assert_true(race_check_group(&world->history, &world->a, GROUP, ALL));
    block(world, true, &world->a, LINE * 64 + 100, 16);
    assert_null(race_group_find(&world->history, GROUP));
    assert_int_equal(line_of(world, 0)->blocks, 0);
    assert_int_not_equal(line_of(world, 1)->blocks, 0);
    close_world(world);
}

/* A large block with all of it is known; one with a part of it splits. */
static void large_blocks(void **state)
{
    (void)state;
    struct world *world = open_world();
    block(world, true, &world->a, LINE * 64 - 16, 8192);
    assert_true(race_check_group(&world->history, &world->a, GROUP, ALL));
    assert_int_not_equal(group_of(world)->blocks, 0);
    assert_true(race_check_group(&world->history, &world->a, GROUP, ALL));
    block(world, true, &world->a, LINE * 64 + 128, 8192);
    assert_false(race_check_group(&world->history, &world->a, GROUP, ALL));
    assert_split(world, 1, true);
    close_world(world);
}

/* The end of a block: what it races with splits, else the group has it, and who comes then finds the lines. */
static void end_of_block(void **state)
{
    (void)state;
    for (int races = 0; races < 2; races++) {
        struct world *world = open_world();
        block(world, true, &world->a, LINE * 64, 8192);
        assert_true(race_check_group(&world->history, &world->a, GROUP, ALL));
        clock_raise(&world->clocks, &world->b.clock, 1, 1);
        if (races) {
            world->a.segment = 2;
            assert_true(race_check_group(&world->history, &world->a, GROUP, ALL));
            world->b.site = B_WRITES;
        }
        block(world, false, &world->b, LINE * 64, 8192);
        if (!races) {
            assert_whole(world, 1);
            assert_false(race_check_group(&world->history, &world->a, GROUP, ALL));
        }
        assert_split(world, 1, true);
        assert_int_equal(world->history.pair_count, races ? 2 : 1);
        if (races)
            assert_int_equal(world->history.pairs[1].samples[0].address, LINE * 64);
        close_world(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_whole),          cmocka_unit_test(race_splits),
        cmocka_unit_test(single_access_splits), cmocka_unit_test(small_block_splits),
        cmocka_unit_test(large_blocks),         cmocka_unit_test(end_of_block)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
