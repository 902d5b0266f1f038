/*
 * Entries of lines: all that are added are there, wherever they are moved to, and the places they leave are used again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/race.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_turns), cmocka_unit_test(one_by_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
