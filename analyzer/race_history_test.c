/*
 * Entries of lines: all that are added are there, wherever they are moved to, and the places they leave are used again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/race_source.h"

#define LINES   1000u
#define ENTRIES 10u /* a line; room for 16 */

static struct race_line *line_at(struct race_history *history, uint64_t line)
{
    struct race_line *found = race_line_get(history, line, true);
    assert_non_null(found);
    return found;
}

static void add(struct race_history *history, uint64_t line, uint32_t number)
{
    struct race_entry entry = {.mask = 1, .segment = line & RACE_SEGMENT_MAX, .task = 1};
    entry.site = number << RACE_SITE_SHIFT;
    race_entry_add(history, line_at(history, line), &entry);
}

static void check(struct race_history *history, uint32_t step)
{
    for (uint64_t l = 0; l < LINES; l++) {
        struct race_line *line = line_at(history, l * step);
        assert_int_equal(line->count, ENTRIES);
        for (uint32_t i = 0; i < ENTRIES; i++) {
            const struct race_entry *entry = &race_line_entries(history, line)[i];
            assert_int_equal(entry->segment, l * step);
            assert_int_equal(entry->site >> RACE_SITE_SHIFT, i + 1);
        }
    }
}

/* All lines get an entry, then all another one: 30 places a line in rooms of 2, 4, 8 and 16, if none is used again. */
static void in_turns(void **state)
{
    (void)state;
    struct race_scan scan = {.task_count = 2};
    struct race_history history;
    race_history_open(&history, &scan, LINES, UINT64_C(64) << 20);
    for (uint32_t i = 0; i < ENTRIES; i++)
        for (uint64_t l = 0; l < LINES; l++)
            add(&history, l, i + 1);
    check(&history, 1);
    assert_int_equal(history.dropped, 0);
    assert_int_equal(history.pool_entries, LINES * 16);
    assert_true(history.pool_used < LINES * 18);
    race_history_close(&history);
}

/* Line by line, and every other line is forgotten again. */
static void one_by_one(void **state)
{
    (void)state;
    struct race_scan scan = {.task_count = 2};
    struct race_history history;
    race_history_open(&history, &scan, LINES, UINT64_C(64) << 20);
    for (uint64_t l = 0; l < 2 * LINES; l++) {
        for (uint32_t i = 0; i < ENTRIES; i++)
            add(&history, l, i + 1);
        struct race_line *line = line_at(&history, l);
        while (l % 2 && line->count)
            race_entry_remove(&history, line, line->count - 1u);
    }
    check(&history, 2);
    assert_int_equal(history.pool_entries, LINES * 16);
    assert_true(history.pool_used < LINES * 18);
    race_history_close(&history);
}

#define SITES 700u

static void access_all(struct race_history *history, struct race_now *now, uint64_t mask)
{
    for (uint32_t i = 0; i < SITES; i++) {
        struct race_item item = {.line = 5, .mask = mask, .site = i << RACE_SITE_SHIFT};
        struct race_ahead ahead = {.lines = 0};
        race_check(history, now, &item, 0, 1, 1, 0, &ahead);
    }
}

/* Of hundreds of sites at one line, many of one tag, each finds its own entry again, wherever it was moved to. */
static void many_sites(void **state)
{
    (void)state;
    struct race_scan scan = {.task_count = 2};
    struct race_history history;
    struct clock_pool clocks;
    clock_pool_open(&clocks, 2);
    race_history_open(&history, &scan, LINES, UINT64_C(64) << 20);
    struct race_now now = {.task = 1, .clocks = &clocks, .segment = 1};
    access_all(&history, &now, 0x0f);
    now.segment = 2;
    access_all(&history, &now, 0xf0);
    struct race_line *line = line_at(&history, 5);
    assert_int_equal(line->count, 2 * SITES);
    for (uint32_t i = 1; i < line->count; i += 3) /* the last ones take their places */
        race_entry_remove(&history, line, i);
    now.segment = 3;
    access_all(&history, &now, 0xff);
    assert_int_equal(line->count, SITES);
    bool seen[SITES] = {false};
    for (uint32_t i = 0; i < SITES; i++) {
        const struct race_entry *entry = &race_line_entries(&history, line)[i];
        assert_int_equal(entry->segment, 3);
        assert_int_equal(entry->mask, 0xff);
        assert_false(seen[entry->site >> RACE_SITE_SHIFT]);
        seen[entry->site >> RACE_SITE_SHIFT] = true;
    }
    assert_int_equal(history.dropped, 0);
    race_history_close(&history);
    clock_pool_close(&clocks);
}

static void add_of(struct race_history *history, uint64_t line, uint32_t task, uint64_t segment)
{
    struct race_entry entry = {.mask = 1, .site = 1u << RACE_SITE_SHIFT};
    entry.segment = segment & RACE_SEGMENT_MAX;
    entry.task = task & RACE_TASK_MAX;
    race_entry_add(history, line_at(history, line), &entry);
}

/* What is forgotten, and when lines need not be looked at for it. */
static void swept(void **state)
{
    (void)state;
    struct race_scan scan = {.task_count = 3};
    struct race_history history;
    race_history_open(&history, &scan, LINES, UINT64_C(64) << 20);
    for (uint64_t l = 1; l <= 3; l++) {
        add_of(&history, l, 1, 5);
        add_of(&history, l, 2, 8);
        add_of(&history, l, 2, 9);
    }
    line_at(&history, 2)->top = race_when(2, 9); /* all else is before that */
    line_at(&history, 3)->top = race_when(2, 12);
    race_sweep(&history, (uint64_t[]){0, 5, 8});
    for (uint64_t l = 1; l <= 3; l++) {
        assert_int_equal(line_at(&history, l)->count, 1);
        assert_int_equal(race_line_entries(&history, line_at(&history, l))->segment, 9);
    }
    add_of(&history, 1, 1, 5); /* nobody can: so it shows that no line was looked at */
    uint64_t due = history.sweep_at = history.line_count + history.pool_entries;
    race_sweep(&history, (uint64_t[]){0, 5, 8});
    assert_int_equal(line_at(&history, 1)->count, 2);
    assert_true(history.sweep_at > due);
    add_of(&history, 2, 1, 7); /* likewise: `top` stands for it */
    race_sweep(&history, (uint64_t[]){0, 5, 9});
    for (uint64_t l = 1; l <= 3; l++)
        assert_int_equal(line_at(&history, l)->count, 0);
    assert_int_equal(history.pool_entries, 0);
    assert_int_equal(history.line_empty, 3);
    uint64_t used = history.pool_used;
    add_of(&history, 2, 1, 10);
    assert_int_equal(history.pool_used, used);
    race_history_close(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_turns), cmocka_unit_test(one_by_one),
                                       cmocka_unit_test(many_sites), cmocka_unit_test(swept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
