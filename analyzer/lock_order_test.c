/*
 * Predicted deadlocks: which cycles of lock order count, and which are guarded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/analysis.h"
#include "analyzer/digest.h"
#include "analyzer/order.h"
#include "analyzer/trace_make.h"

static uint32_t tasks_object, locks[5]; /* locks[4] is a rwlock */

static struct trace_make *two_tasks(void)
{
    struct trace_make *make = trace_make_new();
    make_task(make, 1, "a");
    make_task(make, 1, "b");
    tasks_object = make_object(make, TRACE_OBJECT_TASK, 0);
    for (uint32_t i = 0; i < 4; i++)
        locks[i] = make_object(make, TRACE_OBJECT_MUTEX, 0x5000 + i * 0x40);
    locks[4] = make_object(make, TRACE_OBJECT_RWLOCK, 0x6000);
    for (uint32_t i = 1; i <= 2; i++) {
        make_switch(make, i, i + 1, 1);
        make_edge(make, i, 1, 1, 1, tasks_object);
    }
    return make;
}

/* Task stream + 1 takes locks[wanted] while it holds locks[held], and locks[gate] if that is not
 * `held`. */
static void take(struct trace_make *make, uint32_t stream, uint64_t segment, uint32_t held,
                 uint32_t gate, uint32_t wanted, uint32_t mode, uint32_t held_mode)
{
    uint64_t pc = 0x1000 + stream * 0x1000 + wanted * 16;
    struct trace_sync record = {.type = TRACE_SYNC_ORDER,
                                .segment = segment,
                                .object = locks[wanted],
                                .mode = mode,
                                .stack = make_stack(make, &pc, 1),
                                .held_count = gate == held ? 1 : 2,
                                .since = {segment, segment}};
    record.held[0] = (struct trace_held){.object = locks[held], .mode = held_mode, .stack = 1};
    record.held[1] =
        (struct trace_held){.object = locks[gate], .mode = TRACE_MODE_EXCLUSIVE, .stack = 1};
    make_sync(make, stream, &record);
}

static void lock(struct trace_make *make, uint32_t stream, uint32_t held, uint32_t wanted)
{
    take(make, stream, 1, held, held, wanted, TRACE_MODE_EXCLUSIVE, TRACE_MODE_EXCLUSIVE);
}

static uint32_t deadlocks(struct trace_make *make)
{
    static const struct analysis_options options = {.jobs = 1};
    char *error;
    trace_make_write(make);
    struct analysis analysis = {.trace = trace_open(make->path, &error), .options = &options};
    assert_non_null(analysis.trace);
    analysis.symbols = symbols_open(analysis.trace, NULL);
    analysis.order = order_build(analysis.trace);
    assert_int_equal(analysis.trace->problem_count, 0);
    detect_lock_order(&analysis);
    uint32_t count = analysis.findings.count;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(analysis.findings.items[i]->certainty, FINDING_PREDICTED);
        assert_string_equal(analysis.findings.items[i]->rule, "lock-order");
    }
    finding_list_free(&analysis.findings);
    order_free(analysis.order);
    symbols_close(analysis.symbols);
    trace_close(analysis.trace);
    trace_make_free(make);
    return count;
}

static void two_locks(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    lock(make, 1, 0, 1);
    lock(make, 2, 1, 0);
    assert_int_equal(deadlocks(make), 1);

    make = two_tasks(); /* the same order */
    lock(make, 1, 0, 1);
    lock(make, 2, 0, 1);
    assert_int_equal(deadlocks(make), 0);

    make = two_tasks(); /* both orders, but in one task */
    lock(make, 1, 0, 1);
    lock(make, 1, 1, 0);
    assert_int_equal(deadlocks(make), 0);
}

static void three_locks(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint32_t c = make_task(make, 1, "c");
    make_switch(make, 3, c, 1);
    make_edge(make, 3, 1, 1, 1, tasks_object);
    lock(make, 1, 0, 1);
    lock(make, 2, 1, 2);
    lock(make, 3, 2, 0);
    assert_int_equal(deadlocks(make), 1);
}

static void gate(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    take(make, 1, 1, 0, 3, 1, TRACE_MODE_EXCLUSIVE, TRACE_MODE_EXCLUSIVE);
    take(make, 2, 1, 1, 3, 0, TRACE_MODE_EXCLUSIVE, TRACE_MODE_EXCLUSIVE);
    assert_int_equal(deadlocks(make), 0);

    make = two_tasks(); /* different gates are none */
    take(make, 1, 1, 0, 2, 1, TRACE_MODE_EXCLUSIVE, TRACE_MODE_EXCLUSIVE);
    take(make, 2, 1, 1, 3, 0, TRACE_MODE_EXCLUSIVE, TRACE_MODE_EXCLUSIVE);
    assert_int_equal(deadlocks(make), 1);
}

/* Ordered by a semaphore: never at the same time. By a mutex: another schedule may swap them. */
static void ordered(void **state)
{
    (void)state;
    for (int hard = 0; hard < 2; hard++) {
        struct trace_make *make = two_tasks();
        uint32_t object =
            make_object(make, hard ? TRACE_OBJECT_SEMAPHORE : TRACE_OBJECT_MUTEX, 0x7000);
        lock(make, 1, 0, 1);
        make_edge(make, 2, 2, 2, 1, object);
        take(make, 2, 2, 1, 1, 0, TRACE_MODE_EXCLUSIVE, TRACE_MODE_EXCLUSIVE);
        assert_int_equal(deadlocks(make), hard ? 0 : 1);
    }
}

static void readers(void **state)
{
    (void)state;
    for (uint32_t mode = TRACE_MODE_EXCLUSIVE; mode <= TRACE_MODE_SHARED; mode++) {
        struct trace_make *make = two_tasks();
        take(make, 1, 1, 0, 0, 4, TRACE_MODE_SHARED, TRACE_MODE_EXCLUSIVE);
        take(make, 2, 1, 4, 4, 0, TRACE_MODE_EXCLUSIVE, mode);
        assert_int_equal(deadlocks(make), mode == TRACE_MODE_SHARED ? 0 : 1);
    }
}

/* If the cycle closed in this run, it is not a prediction. */
static void happened(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    lock(make, 1, 0, 1);
    lock(make, 2, 1, 0);
    for (uint32_t i = 0; i < 2; i++) {
        make->tasks[2 + i].state = TRACE_TASK_BLOCKED;
        make->tasks[2 + i].object = locks[1 - i];
    }
    assert_int_equal(deadlocks(make), 0);
}

/* Fifty locks in every order at the same two places: one report, and it takes no time. */
static void many_locks(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint64_t pc = 0x9000;
    uint32_t stack = make_stack(make, &pc, 1), first = 0, count = 50;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = make_object(make, TRACE_OBJECT_MUTEX, 0x10000 + i * 0x40);
        first = i ? first : id;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < count; j++) {
            struct trace_sync record = {.type = TRACE_SYNC_ORDER,
                                        .segment = 1,
                                        .object = first + i,
                                        .mode = TRACE_MODE_EXCLUSIVE,
                                        .stack = stack,
                                        .held_count = 1};
            record.held[0] = (struct trace_held){
                .object = first + j, .mode = TRACE_MODE_EXCLUSIVE, .stack = stack};
            if (i != j)
                make_sync(make, 1 + (i + j) % 2, &record);
            if (i != j)
                make_sync(make, 2 - (i + j) % 2, &record);
        }
    }
    assert_int_equal(deadlocks(make), 1);
}

/* Of a trace whose records are gone when it is asked; *orders: of lock order that are kept. */
static uint32_t deadlocks_followed(struct trace_make *make, uint32_t *orders)
{
    static const struct digest_options digest_options = {.from = 1, .jobs = 1, .keep = true};
    static const struct analysis_options options = {.jobs = 1};
    trace_make_write(make);
    struct digest *digest = digest_open(make->path, &digest_options);
    assert_non_null(digest);
    struct analysis analysis = {.options = &options, .digest = digest};
    analysis.trace = digest_finish(digest);
    analysis.order = digest_order(digest);
    analysis.symbols = symbols_open(analysis.trace, NULL);
    struct trace_sync *record = calloc(1, sizeof(*record));
    struct sync_cursor cursor;
    *orders = 0;
    for (uint32_t i = 0; i < analysis.trace->stream_count; i++)
        for (sync_open(&cursor, analysis.trace, i); sync_next(&cursor, record);)
            *orders += record->type == TRACE_SYNC_ORDER;
    free(record);
    detect_lock_order(&analysis);
    uint32_t count = analysis.findings.count;
    finding_list_free(&analysis.findings);
    symbols_close(analysis.symbols);
    trace_close(analysis.trace);
    digest_free(digest);
    trace_make_free(make);
    return count;
}

/* What a recorder that forgets tells over and over is kept a few times only, and still found. */
static void told_again(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint32_t orders;
    for (uint64_t i = 1; i <= 1000; i++)
        take(make, 1, i, 0, 0, 1, TRACE_MODE_EXCLUSIVE, TRACE_MODE_EXCLUSIVE);
    lock(make, 2, 1, 0);
    assert_int_equal(deadlocks_followed(make, &orders), 1);
    assert_int_equal(orders, 10 + 1); /* 1, 2, 4, ... 512 */
}

/* One task takes locks[0], makes the other, and asks for locks[1] in segment 5; the other has locks[0] meanwhile. */
static struct trace_make *made_under(uint64_t since, uint32_t mode, uint64_t had)
{
    struct trace_make *make = two_tasks();
    uint64_t pc = 0x3000;
    struct trace_sync record = {.type = TRACE_SYNC_ORDER,
                                .segment = 5,
                                .object = locks[1],
                                .mode = TRACE_MODE_EXCLUSIVE,
                                .stack = make_stack(make, &pc, 1),
                                .held_count = 1,
                                .since = {since}};
    record.held[0] = (struct trace_held){.object = locks[0], .mode = mode, .stack = 1};
    make_sync(make, 1, &record);
    make->objects[locks[0]].flags |= TRACE_OBJECT_NAMED;
    make_edge(make, 2, 2, 2, 4, tasks_object);
    if (had)
        make_edge(make, 2, had, 2, 5, locks[0]);
    take(make, 2, 6, 1, 1, 0, TRACE_MODE_EXCLUSIVE, TRACE_MODE_EXCLUSIVE);
    return make;
}

/* A lock that one had before it made the other, and that the other had: what was done under it is over. */
static void made_under_lock(void **state)
{
    (void)state;
    static const struct {
        uint64_t since, had;
        uint32_t mode, count;
    } cases[] = {
        {3, 3, TRACE_MODE_EXCLUSIVE, 0}, {5, 3, TRACE_MODE_EXCLUSIVE, 1}, /* taken once more */
        {3, 0, TRACE_MODE_EXCLUSIVE, 1},                                  /* not had */
        {3, 6, TRACE_MODE_EXCLUSIVE, 1},                                  /* no sooner than now */
        {3, 3, TRACE_MODE_SHARED, 1},                                     /* readers together */
    };
    uint32_t orders;
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(deadlocks(made_under(cases[i].since, cases[i].mode, cases[i].had)),
                         cases[i].count);
        assert_int_equal(
            deadlocks_followed(made_under(cases[i].since, cases[i].mode, cases[i].had), &orders),
            cases[i].count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_locks),
        cmocka_unit_test(three_locks),
        cmocka_unit_test(gate),
        cmocka_unit_test(ordered),
        cmocka_unit_test(readers),
        cmocka_unit_test(happened),
        cmocka_unit_test(many_locks),
        cmocka_unit_test(told_again),
        cmocka_unit_test(made_under_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
