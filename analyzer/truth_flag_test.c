/* Flags made by hand: which races they order, which they do not, and how that is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/closure.h"
#include "analyzer/order.h"
#include "analyzer/truth_make.h"

enum { DATA_BEFORE, DATA_AFTER, FLAG_BACK, FLAG_PLAIN_SIZE, FLAG_PAIR };

/* a stores wide data and a flag, b loads the flag and the data. */
static struct trace_make *message(int variant)
{
    struct trace_make *make = truth_make_tasks();
    uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
    make_segment(make, A, 2);
    if (variant == DATA_AFTER)
        make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    make_segment(make, A, 3);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_segment(make, A, 4);
    if (variant == DATA_BEFORE)
        make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    if (variant == FLAG_BACK)
        make_line(make, A, READ4, 0x110, FLAG, WORD);
    if (variant == FLAG_PLAIN_SIZE)
        make_line(make, A, WRITE16, 0x110, FLAG, WIDE);
    if (variant == FLAG_PAIR)
        make_line(make, A, STORE16, 0x110, FLAG, WIDE);
    make->process.flags |= TRACE_PROCESS_PAIRS;
    make_segment(make, B, 2);
    if (variant == FLAG_PAIR)
        make_line(make, B, LOAD16, 0x210, FLAG, WIDE);
    else
        make_line(make, B, variant == FLAG_BACK ? WRITE4 : READ4, 0x210, FLAG, WORD);
    make_segment(make, B, 3);
    make_line(make, B, READ16, 0x200, PLACE, WIDE);
    (void)mutex;
    return make;
}

static void expect_flag(int variant)
{
    struct outcome outcome;
    outcome_analyze(&outcome, message(variant));
    assert_int_equal(outcome.analysis.findings.count, 1);
    const struct finding *finding = outcome.analysis.findings.items[0];
    assert_string_equal(finding->rule, "hand-made-synchronisation");
    assert_int_equal(finding->certainty, FINDING_SUSPECTED);
    uint32_t explained = 0;
    for (uint32_t i = 0; i < finding->part_count; i++)
        explained += finding->parts[i].role == PART_EXPLAINED;
    assert_int_equal(explained, 1);
    outcome_free(&outcome);
}

static void flag_orders(void **state)
{
    (void)state;
    expect_flag(DATA_BEFORE);
    expect_flag(FLAG_PAIR);
}

static uint32_t proved(struct trace_make *make)
{
    struct outcome outcome;
    uint32_t count = 0;
    outcome_analyze(&outcome, make);
    for (uint32_t i = 0; i < outcome.analysis.findings.count; i++)
        count += outcome.analysis.findings.items[i]->certainty == FINDING_PROVED;
    outcome_free(&outcome);
    return count;
}

/* What there is of races: findings, those told as a flag's, further places of one word. */
struct told {
    uint32_t findings, explained, also, flags;
};

static struct told tell(struct trace_make *make)
{
    struct outcome outcome;
    struct told told = {.findings = 0};
    outcome_analyze(&outcome, make);
    told.findings = outcome.analysis.findings.count;
    for (uint32_t i = 0; i < told.findings; i++) {
        const struct finding *finding = outcome.analysis.findings.items[i];
        told.flags += strcmp(finding->rule, "hand-made-synchronisation") == 0;
        assert_int_equal(finding->certainty, FINDING_SUSPECTED);
        for (uint32_t p = 0; p < finding->part_count; p++) {
            told.explained += finding->parts[p].role == PART_EXPLAINED;
            told.also += finding->parts[p].role == PART_ALSO;
        }
    }
    outcome_free(&outcome);
    return told;
}

/* a hands data on by the flag, `times`; then once more without it, read at another place. */
static struct trace_make *handed_on(unsigned times, bool leak)
{
    struct trace_make *make = truth_make_tasks();
    uint64_t segment = 1;
    for (unsigned i = 0; i < times; i++) {
        make_segment(make, A, segment + 1);
        make_line(make, A, WRITE4, 0x100, PLACE, WORD);
        make_segment(make, A, segment + 2);
        make_line(make, A, WRITE4, 0x110, FLAG, WORD);
        make_segment(make, B, segment + 1);
        make_line(make, B, READ4, 0x210, FLAG, WORD);
        make_segment(make, B, segment + 2);
        make_line(make, B, READ4, 0x200, PLACE, WORD);
        segment += 2;
    }
    if (leak) {
        make_segment(make, A, segment + 1);
        make_line(make, A, WRITE4, 0x120, PLACE, WORD);
        make_segment(make, B, segment + 1);
        make_line(make, B, READ4, 0x220, PLACE, WORD);
    }
    return make;
}

/* A flag has what it orders each time, at all places; else that is a race of its own. */
static void flag_takes_what_it_orders(void **state)
{
    (void)state;
    struct told told = tell(handed_on(1, false));
    assert_int_equal(told.findings, 1);
    assert_int_equal(told.flags, 1);
    assert_int_equal(told.explained, 1);
    told = tell(handed_on(1, true));
    assert_int_equal(told.findings, 2);
    assert_int_equal(told.flags, 0);
    assert_int_equal(told.explained, 0);
    assert_int_equal(told.also, 3); /* of 0x100 or 0x120 with 0x200 or 0x220 */
}

/* b stores the data and then the flag, all in one segment; a reads the flag, synchronises with somebody
 * else, reads the data. Each raced once, the data first: it is the order that tells which is the flag. */
static void flag_is_who_orders(void **state)
{
    (void)state;
    struct trace_make *make = truth_make_tasks();
    make_line(make, A, READ4, 0x110, FLAG, WORD);
    make_segment(make, A, 2);
    make_line(make, A, READ4, 0x100, PLACE, WORD);
    make_line(make, B, WRITE4, 0x200, PLACE, WORD);
    make_line(make, B, WRITE4, 0x210, FLAG, WORD);
    struct told told = tell(make);
    assert_int_equal(told.findings, 1);
    assert_int_equal(told.flags, 1);
    assert_int_equal(told.explained, 1);
}

/* Two racy words, neither of which alone leads from a to the third task. */
static void flags_do_not_join(void **state)
{
    (void)state;
    struct trace_make *make = truth_make_tasks();
    uint32_t c = make_task(make, 1, "c"), object = make_object(make, TRACE_OBJECT_TASK, 0);
    make_switch(make, 3, c, 1);
    make_edge(make, 3, 1, 1, 1, object);
    make_line(make, A, WRITE4, 0x100, PLACE, WORD);
    make_segment(make, A, 2);
    make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    make_line(make, B, READ4, 0x210, FLAG, WORD);
    make_segment(make, B, 2);
    make_line(make, B, WRITE4, 0x220, FLAG + 64, WORD);
    make_line(make, 3, READ4, 0x310, FLAG + 64, WORD);
    make_segment(make, 3, 2);
    make_line(make, 3, READ4, 0x300, PLACE, WORD);
    struct told told = tell(make);
    assert_int_equal(told.findings, 3);
    assert_int_equal(told.explained, 0);
}

/* There by one flag, back by another. */
static void there_and_back(void **state)
{
    (void)state;
    struct trace_make *make = truth_make_tasks();
    for (uint64_t i = 0; i < 3; i++) {
        make_segment(make, A, 4 * i + 2);
        make_line(make, A, READ4, 0x130, FLAG + 64, WORD);
        make_segment(make, A, 4 * i + 3);
        make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
        make_time(make, A, 1000000 * (2 * i + 1));
        make_segment(make, A, 4 * i + 4);
        make_line(make, A, WRITE4, 0x110, FLAG, WORD);
        make_time(make, A, 1000000 * (2 * i + 1) + 100000);
        make_segment(make, B, 4 * i + 2);
        make_time(make, B, 1000000 * (2 * i + 1) + 200000);
        make_line(make, B, READ4, 0x210, FLAG, WORD);
        make_segment(make, B, 4 * i + 3);
        make_line(make, B, WRITE16, 0x200, PLACE, WIDE);
        make_segment(make, B, 4 * i + 4);
        make_line(make, B, WRITE4, 0x230, FLAG + 64, WORD);
    }
    struct told told = tell(make);
    assert_int_equal(told.flags, 1);
    assert_true(told.explained > 0);
}

/* All places of one word are one finding. */
static void one_word(void **state)
{
    (void)state;
    struct trace_make *make = truth_make_tasks();
    for (uint64_t i = 0; i < 5; i++) {
        make_segment(make, A, i + 2);
        make_line(make, A, WRITE4, 0x100, PLACE, WORD);
        make_segment(make, B, i + 2);
        make_line(make, B, READ4, 0x200 + 0x10 * i, PLACE, WORD);
    }
    struct told told = tell(make);
    assert_int_equal(told.findings, 1);
    assert_int_equal(told.flags, 0);
    assert_int_equal(told.also, 4);
}

/* a stores data and LOCKs a word, on which another task has raced; b loads that and the data. */
static struct trace_make *locked_message(uint32_t kind)
{
    struct trace_make *make = truth_make_tasks();
    uint32_t c = make_task(make, 1, "c"), object = make_object(make, TRACE_OBJECT_TASK, 0);
    make_switch(make, 3, c, 1);
    make_edge(make, 3, 1, 1, 1, object);
    make_line(make, 3, READ4, 0x310, FLAG, WORD);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_line(make, A, LOCKED4, 0x110, FLAG, WORD);
    make_line(make, B, kind, 0x210, FLAG, WORD);
    make_segment(make, B, 2);
    make_line(make, B, READ16, 0x200, PLACE, WIDE);
    return make;
}

/* Where the recorder knew what a load is after, no more is put down to it; nor is anything proved against it. */
static void exact_clocks(void **state)
{
    (void)state;
    assert_int_equal(tell(locked_message(READ4)).findings, 0);
    assert_int_equal(tell(locked_message(READ4 | TRACE_KIND_MARKED)).findings, 1);
}

/* The flag is raised before the data are stored, or by the one that loads them, or is no flag. */
static void flag_does_not_order(void **state)
{
    (void)state;
    assert_int_equal(proved(message(DATA_AFTER)), 1);
    assert_int_equal(proved(message(FLAG_BACK)), 1);
    assert_int_equal(proved(message(FLAG_PLAIN_SIZE)), 2);
}

/*
 * a raises a flag that lies in an object, b waits for it and then makes the object anew by a wider store, or copies it first;
 * or b does so without having looked.
 */
static struct trace_make *made_anew(uint32_t kind, bool looks)
{
    struct trace_make *make = truth_make_tasks();
    make_segment(make, A, 2);
    make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    make_segment(make, B, 2);
    make_line(make, B, READ4, 0x210, looks ? FLAG : FLAG + 64, WORD);
    make_segment(make, B, 3);
    make_line(make, B, kind, 0x200, FLAG, WORD | WORD << 4);
    return make;
}

static void flag_in_what_is_made_anew(void **state)
{
    (void)state;
    assert_int_equal(proved(made_anew(WRITE8, true)), 0);
    assert_int_equal(proved(made_anew(READ8, true)), 0);
    assert_int_equal(proved(made_anew(WRITE8, false)), 1);
    assert_int_equal(proved(made_anew(READ8, false)), 1);
}

/* What b loaded before an order that the trace knows cannot be of a store after it. */
static void flag_of_the_past(void **state)
{
    (void)state;
    struct trace_make *make = truth_make_tasks();
    uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
    make_line(make, B, READ4, 0x210, FLAG, WORD); /* b, 1: looks */
    make_edge(make, A, 2, 3, 1, mutex);           /* a, 2: is after that */
    make_segment(make, A, 2);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_line(make, A, WRITE4, 0x110, FLAG, WORD); /* raises the flag too late */
    uint32_t c = make_task(make, 1, "c"); /* stores too, so that it is seen that b looked in 1 */
    make_switch(make, 3, c, 1);
    make_line(make, 3, WRITE4, 0x310, FLAG, WORD);
    make_edge(make, B, 2, c, 1, mutex);
    make_segment(make, B, 2);
    make_line(make, B, READ16, 0x200, PLACE, WIDE);
    make_segment(make, B, 3);
    make_line(make, B, READ4, 0x210, FLAG, WORD); /* sees it, but has loaded the data before */
    assert_int_equal(proved(make), 1);
}

/* b looked at the flag and the data before a had stored them, as the clock tells; or after. */
static struct trace_make *timed_message(bool early)
{
    struct trace_make *make = truth_make_tasks();
    make_segment(make, A, 2);
    make_time(make, A, 500000);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    make_segment(make, B, 2);
    make_line(make, B, READ4, 0x210, FLAG, WORD);
    make_line(make, B, READ16, 0x200, PLACE, WIDE);
    make_segment(make, B, 3);
    make_time(make, B, early ? 400000 : 600000);
    make_line(make, B, READ4, 0x220, FLAG + 64, WORD);
    return make;
}

static void flag_too_early(void **state)
{
    (void)state;
    assert_int_equal(proved(timed_message(true)), 1);
    assert_int_equal(proved(timed_message(false)), 0);
}

/* a hands on to b by one flag, b to a third task by another. */
static void flags_in_a_row(void **state)
{
    (void)state;
    struct trace_make *make = truth_make_tasks();
    uint32_t c = make_task(make, 1, "c"), object = make_object(make, TRACE_OBJECT_TASK, 0);
    make_switch(make, 3, c, 1);
    make_edge(make, 3, 1, 1, 1, object);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_segment(make, A, 2);
    make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    make_line(make, B, READ4, 0x210, FLAG, WORD);
    make_segment(make, B, 2);
    make_line(make, B, WRITE4, 0x220, FLAG + 64, WORD);
    make_line(make, 3, READ4, 0x310, FLAG + 64, WORD);
    make_segment(make, 3, 2);
    make_line(make, 3, READ16, 0x300, PLACE, WIDE);
    assert_int_equal(proved(make), 0);
}

/* Of what was before the edges that are retired nobody knows any more. */
static void retired_edges(void **state)
{
    (void)state;
    char *error;
    struct trace_make *make = truth_make_tasks();
    uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
    make_edge(make, B, 2, 2, 1, mutex);
    make_edge(make, B, 3, 2, 2, mutex);
    make_edge(make, B, 9, 2, 8, mutex);
    trace_make_write(make);
    struct trace *trace = trace_open(make->path, &error);
    struct order *order = order_begin();
    order_keep_begin(order);
    order_read(order, trace);
    struct race_scan scan = {.trace = trace};
    const struct closure_choice none = {0, 0, 0};
    struct closure *closure = closure_new(order, &scan, NULL, 0, 1000);
    assert_int_equal(CLOSURE_ORDERED, closure_before(closure, none, 2, 1, 3, 2, NULL));
    assert_int_equal(CLOSURE_UNORDERED, closure_before(closure, none, 2, 4, 3, 4, NULL));
    closure_free(closure);
    uint64_t base[] = {0, 1, 5, 5};
    order_retire(order, &(struct order_cut){.base = base, .count = 4});
    assert_true(order->lists[3].retired > 0);
    closure = closure_new(order, &scan, NULL, 0, 1000);
    assert_int_equal(CLOSURE_UNKNOWN,
                     closure_before(closure, none, 2, 4, 3, 4, NULL)); /* not known any more */
    assert_int_equal(CLOSURE_ORDERED, closure_before(closure, none, 2, 5, 3, 6, NULL)); /* base */
    assert_int_equal(CLOSURE_UNORDERED,
                     closure_before(closure, none, 2, 6, 3, 6, NULL)); /* behind it all is known */
    assert_int_equal(CLOSURE_ORDERED, closure_before(closure, none, 2, 8, 3, 9, NULL));
    closure_free(closure);
    order_free(order);
    trace_close(trace);
    trace_make_free(make);
}

/* Where no flag was loaded between the two, it does not matter which edges are no longer known. */
static void retired_edges_do_not_matter(void **state)
{
    (void)state;
    struct race_visit visit[2] = {{0}};
    struct race_visit *visits[2] = {&visit[0], &visit[1]};
    struct race_scan_task tasks[4] = {
        [2] = {.visits = &visits[0], .count = 1}, [3] = {.visits = &visits[1], .count = 1}};
    struct race_scan scan = {.tasks = tasks, .task_count = 4};
    for (uint64_t segment = 1; segment < 10; segment++)
        for (unsigned t = 0; t < 2; t++)
            race_time_note(&visit[t], segment, segment * 1000000);
    struct race_period period = {0};
    struct race_log logs[2] = {[1] = {.task = 3, .count = 1, .periods = &period}};
    struct race_watch watch = {.logs = 1};
    struct race_watches watches = {.logs = logs, .log_count = 2};
    struct closure_word word = {&watches, &watch};
    struct order order = {.task_count = 4};
    struct closure *closure = closure_new(&order, &scan, &word, 1, 1000);
    struct race_instance instance = {
        .before_task = 2, .before_segment = 4, .after_task = 3, .after_segment = 6};
    const struct closure_choice none = {0, 0, 0}, all = {1, 0, 0};
    const bool between[] = {false, false, true, true, true, true, true, false, false};
    for (uint64_t segment = 1; segment < 10; segment++) {
        period.first = period.last = segment;
        assert_int_equal(between[segment - 1], closure_loaded(closure, all, &instance));
        assert_false(closure_loaded(closure, none, &instance));
    }
    logs[1].past = 5; /* any of them */
    assert_true(closure_loaded(closure, all, &instance));
    closure_free(closure);
    free(visit[0].moments);
    free(visit[1].moments);
}

/*
 * a fills a node and links it into one at FLAG; b, which follows the link, reads and frees both. The
 * memory has been used before, so that b's loads, which the allocations are not known to be before,
 * are of an unknown block.
 */
static struct trace_make *queue(bool follows)
{
    struct trace_make *make = truth_make_tasks();
    uint64_t nodes[] = {FLAG, PLACE};
    for (unsigned i = 0; i < 2; i++) {
        make_block(make, A, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, nodes[i], 32, 100 + i);
        make_block(make, A, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, nodes[i], 32, 110 + i);
    }
    make_segment(make, A, 2);
    for (unsigned i = 0; i < 2; i++)
        make_block(make, A, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, nodes[i], 32, 200 + i);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_segment(make, A, 3);
    make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    make_segment(make, B, 2);
    if (follows)
        make_line(make, B, READ4, 0x210, FLAG, WORD);
    make_line(make, B, READ16, 0x200, PLACE, WIDE);
    make_block(make, B, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, FLAG, 32, 300);
    make_block(make, B, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, 32, 301);
    return make;
}

/* Who has looked at a link and then frees the node may have learned of all by it; who has not may not. */
static void link_freed(void **state)
{
    (void)state;
    assert_int_equal(proved(queue(true)), 0);
    assert_true(proved(queue(false)) > 0);
}

/*
 * b reads what a stores in two blocks, which races more often than the counter that b keeps for each of them. a looks at
 * the counters before the blocks come to their end, or are made anew by a wide store. Neither counter orders both.
 */
static struct trace_make *reclaim(bool asks, bool freed)
{
    struct trace_make *make = truth_make_tasks();
    uint64_t segment = 2;
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t block = PLACE + 0x1000u * i, counter = FLAG + 0x1000u * i;
        make_block(make, A, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, block, 32, 100 + i);
        for (uint32_t n = 0; n < 3; n++, segment++) {
            make_segment(make, A, segment);
            make_line(make, A, WRITE4, 0x100, block, WORD);
            make_segment(make, B, segment);
            make_line(make, B, READ4, 0x200, block, WORD);
        }
        make_line(make, B, WRITE4, 0x210 + 0x10 * i, counter, WORD);
        make_segment(make, A, segment++);
        if (asks)
            make_line(make, A, READ4, 0x110 + 0x10 * i, counter, WORD);
        make_segment(make, A, segment++);
        if (freed)
            make_block(make, A, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, block, 32, 300 + i);
        else
            make_line(make, A, WRITE16, 0x130, block, WIDE);
    }
    return make;
}

/* Who ends a block or makes it anew is ordered by any flag, be it one that is less likely than the block's own words. */
static void counter_before_the_end(void **state)
{
    (void)state;
    for (int freed = 0; freed < 2; freed++) {
        assert_int_equal(proved(reclaim(true, freed)), 0);
        assert_int_equal(proved(reclaim(false, freed)), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flag_orders),
        cmocka_unit_test(flag_takes_what_it_orders),
        cmocka_unit_test(flags_do_not_join),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(one_word),
        cmocka_unit_test(exact_clocks),
        cmocka_unit_test(flag_does_not_order),
        cmocka_unit_test(flag_in_what_is_made_anew),
        cmocka_unit_test(flag_of_the_past),
        cmocka_unit_test(flag_too_early),
        cmocka_unit_test(flags_in_a_row),
        cmocka_unit_test(retired_edges),
        cmocka_unit_test(flag_is_who_orders),
        cmocka_unit_test(link_freed),
        cmocka_unit_test(counter_before_the_end),
        cmocka_unit_test(retired_edges_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
