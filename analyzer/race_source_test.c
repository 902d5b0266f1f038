/*
 * Batches: every worker gets its own lines and all marks, in the order of the stream, whoever reads
 * them; and who is far ahead of the last one is told to wait.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyzer/crew.h"
#include "analyzer/memory.h"
#include "analyzer/race_source.h"
#include "analyzer/trace_make.h"

#define WRITE4 (2u << 4 | TRACE_KIND_WRITE)
#define PLACE  UINT64_C(0x7f0000000000)

struct opened {
    struct trace_make *make;
    struct trace *trace;
    struct race_scan scan;
    struct race_source source;
};

/* `lines` lines, all of them shared, a segment after each ten. */
static struct opened *open_source(uint64_t lines, uint32_t shards, uint32_t helpers)
{
    char *error;
    struct opened *opened = memory_get(1, sizeof(*opened));
    struct trace_make *make = opened->make = trace_make_new();
    uint32_t task = make_task(make, 1, "a");
    make_switch(make, 1, task, 1);
    for (uint64_t i = 0; i < lines; i++) {
        make_line(make, 1, WRITE4, 0x100 + i % 7, PLACE + i * 64, 0xf);
        if (i % 10 == 9)
            make_segment(make, 1, 2 + i / 10);
    }
    trace_make_write(make);
    opened->trace = trace_open(make->path, &error);
    assert_non_null(opened->trace);
    race_scan_open(&opened->scan, opened->trace, opened->trace->task_count, true);
    race_scan_run(&opened->scan);
    race_scan_end(&opened->scan);
    race_source_open(&opened->source, &opened->scan, shards, helpers);
    race_source_again(&opened->source, true);
    return opened;
}

static void close_source(struct opened *opened)
{
    race_source_close(&opened->source);
    race_scan_close(&opened->scan);
    trace_close(opened->trace);
    trace_make_free(opened->make);
    free(opened);
}

/* What one worker has met of the stream. */
struct worker {
    struct race_batch *batch;
    uint64_t records, items, segments, last_line;
};

static bool take_batch(struct opened *opened, struct worker *worker, uint32_t shard)
{
    struct race_batch *batch = race_source_next(&opened->source, shard, 1, worker->batch);
    if (!batch)
        return false;
    worker->batch = batch;
    uint32_t ordinal = 0;
    for (uint32_t i = batch->first[shard]; i < batch->first[shard + 1]; i++) {
        const struct race_item *item = &batch->items[i];
        assert_int_equal(race_shard_of(item->line, opened->source.shards), shard);
        assert_true(item->line > worker->last_line && item->ordinal > ordinal);
        worker->last_line = item->line;
        ordinal = item->ordinal;
    }
    worker->items += batch->first[shard + 1] - batch->first[shard];
    for (uint32_t i = 0; i < batch->mark_count; i++) {
        const struct race_mark *mark = &batch->marks[i];
        assert_int_equal(mark->what, worker->segments ? RACE_SEGMENT : RACE_SWITCH);
        assert_int_equal(mark->value, ++worker->segments);
        assert_true(mark->ordinal <= batch->count);
    }
    worker->records += batch->count;
    return true;
}

/* In turns of different length, so that each of them is first now and then. */
static void everything_once(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct opened *opened = open_source(20000, shards, 0);
        struct worker workers[3] = {{0}};
        uint64_t items = 0, turn = 0;
        for (uint32_t w = 0; w < shards; w++)
            workers[w].batch = race_source_head(&opened->source, 1);
        for (bool any = true; any; turn++) {
            any = false;
            for (uint32_t w = 0; w < shards; w++)
                for (uint64_t i = 0; i <= turn * (w + 1) % 5; i++)
                    any |= take_batch(opened, &workers[w], w);
        }
        for (uint32_t w = 0; w < shards; w++) {
            assert_int_equal(workers[w].segments, 2001);
            assert_int_equal(workers[w].records, 22001);
            items += workers[w].items;
            race_batch_done(workers[w].batch);
        }
        assert_int_equal(items, 20000);
        close_source(opened);
    }
}

static void bounded_lead(void **state)
{
    (void)state;
    struct opened *opened = open_source(200000, 2, 0);
    struct worker workers[2] = {{0}};
    uint32_t lead = 0;
    workers[0].batch = workers[1].batch = race_source_head(&opened->source, 1);
    for (; !race_source_far(&opened->source, 0); lead++)
        assert_true(take_batch(opened, &workers[0], 0));
    assert_int_equal(lead, RACE_LEAD + 1);
    assert_false(race_source_far(&opened->source, 1));
    assert_true(take_batch(opened, &workers[1], 1));
    assert_false(race_source_far(&opened->source, 0));
    race_source_wait(&opened->source, 0);
    for (uint32_t w = 0; w < 2; w++) /* the rest is given up */
        race_batch_done_all(workers[w].batch);
    close_source(opened);
}

/* One worker stays far behind until the other one waits for it, which must then be woken. */
struct pair {
    struct opened *opened;
    struct worker workers[2];
    atomic_bool waits;
};

static bool work(void *data, unsigned part)
{
    struct pair *pair = data;
    while (part == 1 && !atomic_load(&pair->waits))
        sched_yield();
    for (;;) {
        if (race_source_far(&pair->opened->source, part)) {
            atomic_store(&pair->waits, true);
            return false;
        }
        if (!take_batch(pair->opened, &pair->workers[part], part))
            return true;
    }
}

static void wait_for(void *data, unsigned part)
{
    struct pair *pair = data;
    race_source_wait(&pair->opened->source, part);
}

static void woken(void **state)
{
    (void)state;
    struct pair pair = {.opened = open_source(400000, 2, 0)};
    for (uint32_t w = 0; w < 2; w++)
        pair.workers[w].batch = race_source_head(&pair.opened->source, 1);
    struct crew crew = {.count = 2, .data = &pair, .work = work, .wait = wait_for};
    crew_run(&crew);
    assert_int_equal(pair.workers[0].items + pair.workers[1].items, 400000);
    for (uint32_t w = 0; w < 2; w++) {
        assert_int_equal(pair.workers[w].records, 440001);
        race_batch_done(pair.workers[w].batch);
    }
    close_source(pair.opened);
}

/* A helper reads as far as there is room, and goes on when some has been taken. */
static void bounded_room(void **state)
{
    (void)state;
    struct opened *opened = open_source(1000000, 1, 1);
    struct race_feed *feed = opened->source.feeds[1];
    struct worker worker = {.batch = race_source_head(&opened->source, 1)};
    uint32_t freed = 0;
    assert_false(race_source_help(&opened->source, 1));
    uint64_t held = atomic_load(&feed->held), read = feed->read;
    assert_true(held >= RACE_ROOM / 4 && held < RACE_ROOM && !feed->ended);
    assert_false(race_source_help(&opened->source, 1));
    assert_int_equal(feed->read, read);
    for (; atomic_load(&feed->held) > held / 2; freed++)
        assert_true(take_batch(opened, &worker, 0));
    assert_true(freed > 2);
    assert_int_equal(feed->read, read); /* the worker found all of it read */
    assert_false(race_source_help(&opened->source, 1));
    assert_true(feed->read > read);
    while (take_batch(opened, &worker, 0))
        ;
    assert_int_equal(worker.records, 1100001);
    race_source_leave(&opened->source);
    assert_true(race_source_help(&opened->source, 1));
    race_batch_done(worker.batch);
    close_source(opened);
}

/* Workers and helpers on threads of their own: who reads what is left to chance. */
static bool take_or_help(void *data, unsigned part)
{
    struct pair *pair = data;
    struct race_source *source = &pair->opened->source;
    if (part >= source->shards)
        return race_source_help(source, part);
    while (!race_source_far(source, part)) {
        if (take_batch(pair->opened, &pair->workers[part], part))
            continue;
        race_source_leave(source);
        return true;
    }
    return false;
}

static void helped(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 12; round++) {
        uint32_t shards = 1 + round % 2, helpers = 1 + round % 3;
        struct pair pair = {.opened = open_source(60000, shards, helpers)};
        uint64_t items = 0;
        for (uint32_t w = 0; w < shards; w++)
            pair.workers[w].batch = race_source_head(&pair.opened->source, 1);
        struct crew crew = {
            .count = shards + helpers, .data = &pair, .work = take_or_help, .wait = wait_for};
        crew_run(&crew);
        for (uint32_t w = 0; w < shards; w++) {
            assert_int_equal(pair.workers[w].records, 66001);
            items += pair.workers[w].items;
            race_batch_done(pair.workers[w].batch);
        }
        assert_int_equal(items, 60000);
        close_source(pair.opened);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_once), cmocka_unit_test(bounded_lead), cmocka_unit_test(woken),
        cmocka_unit_test(bounded_room),    cmocka_unit_test(helped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
