/*
 * Which lines are worth a history: none that two tasks touched, one of which wrote, may be missing, and few others are
 * there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "analyzer/memory.h"
#include "analyzer/race_owner.h"

#define BITS  14u
#define WORDS (1u << BITS)

struct used { /* by hand: who touched the line */
    uint32_t task;
    bool several, wrote;
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint64_t line_at(uint32_t index, uint32_t step)
{
    return UINT64_C(0x7f0000000000) / 64 + (uint64_t)index * step;
}

static bool worth(const uint64_t *shared, uint64_t line)
{
    uint64_t index = race_index(line, BITS, RACE_SCAN_GROUP);
    return shared[index / 64] >> index % 64 & 1;
}

static void touch(struct race_owners *owners, struct used *used, uint64_t line, uint32_t task,
                  bool wrote)
{
    used->several |= used->task && used->task != task;
    used->task = task;
    used->wrote |= wrote;
    if (used->wrote)
        race_owner_note_row(owners, line, 1, task, wrote);
    else
        race_owner_note(owners, line, task, wrote);
}

/* `count` lines, `step` apart, touched twice each on the average, by one task but for every 64th; returns how many are
 * worth a history though they need not be. */
static uint32_t needless(uint32_t count, uint32_t step, uint32_t task_count)
{
    struct race_owners owners;
    struct used *used = memory_get(count, sizeof(*used));
    uint64_t *shared = memory_get(WORDS / 64, sizeof(*shared)), seed = count + step;
    uint32_t more = 0;
    race_owners_open(&owners, BITS, task_count);
    for (uint32_t i = 0; i < 2 * count; i++) {
        uint32_t index = (uint32_t)(next_random(&seed) % count);
        uint64_t other = next_random(&seed);
        uint32_t task = index % 64 ? index / 64 % 2 + 1 : (uint32_t)(other % (task_count - 1)) + 1;
        touch(&owners, &used[index], line_at(index, step), task, other >> 40 & 1);
    }
    race_owners_close(&owners, shared);
    for (uint32_t i = 0; i < count; i++) {
        bool there = worth(shared, line_at(i, step));
        if (used[i].several && used[i].wrote)
            assert_true(there);
        else
            more += there;
    }
    free(used);
    free(shared);
    return more;
}

static void few_lines_are_told_apart(void **state)
{
    (void)state;
    static const uint32_t steps[] = {1, 2, 3, 64, 4096, 77777};
    for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        uint32_t more = needless(WORDS / 4, steps[i], 3);
        if (more > WORDS / 4 / 20)
            fail_msg("%u of %u lines, %u apart", more, WORDS / 4, steps[i]);
    }
}

static void many_lines_are_worth_it_at_worst(void **state)
{
    (void)state;
    needless(WORDS, 1, 5);
    needless(WORDS * 2, 2, 100);
    assert_true(needless(WORDS * 8, 3, 3) > WORDS); /* there is no room for them */
}

static void the_most_tasks_leave_no_hash(void **state)
{
    (void)state;
    needless(WORDS / 4, 1, RACE_TASK_MAX + 1);
    needless(WORDS * 2, 5, RACE_TASK_MAX + 1);
}

/* Rows are their lines, wherever they begin and end, and whatever is there already. */
static void rows(void **state)
{
    (void)state;
    enum { LINES = 1000 };
    static struct used used[LINES];
    uint64_t seed = 88172645463325252u, *shared = memory_get(WORDS / 64, sizeof(*shared));
    for (uint32_t round = 0; round < 50; round++) {
        struct race_owners owners;
        memset(used, 0, sizeof(used));
        memset(shared, 0, WORDS / 8);
        race_owners_open(&owners, BITS, 5);
        for (uint32_t i = 0; i < 20; i++) {
            uint32_t first = (uint32_t)(next_random(&seed) % LINES);
            uint32_t count = (uint32_t)(next_random(&seed) % 90) + 1, task = i % 4 + 1;
            bool wrote = next_random(&seed) % 4 == 0;
            count = count > LINES - first ? LINES - first : count;
            for (uint32_t j = first; j < first + count; j++) {
                used[j].several |= used[j].task && used[j].task != task;
                used[j].task = task;
                used[j].wrote |= wrote;
            }
            race_owner_note_row(&owners, line_at(first, 1), count, task, wrote);
        }
        race_owners_close(&owners, shared);
        for (uint32_t i = 0; i < LINES; i++)
            assert_int_equal(worth(shared, line_at(i, 1)), used[i].several && used[i].wrote);
    }
    free(shared);
}

static void ranges_of_all_memory(void **state)
{
    (void)state;
    struct race_owners owners;
    uint64_t *shared = memory_get(WORDS / 64, sizeof(*shared));
    race_owners_open(&owners, BITS, 3);
    race_owner_note(&owners, 5, 1, false);
    race_owner_note(&owners, 6, 1, true);
    race_owner_note_all(&owners, false);
    assert_int_equal(race_owners_close(&owners, shared), 1);
    assert_false(worth(shared, 5));
    assert_true(worth(shared, 6));
    race_owners_open(&owners, BITS, 3);
    race_owner_note_all(&owners, true);
    assert_int_equal(race_owners_close(&owners, shared), WORDS);
    free(shared);
}

#define THREADS 4u
struct toucher {
    struct race_owners *owners;
    uint32_t task;
};

static void *touch_all(void *data)
{
    const struct toucher *toucher = data;
    for (uint32_t i = 0; i < WORDS / 2; i++)
        race_owner_note(toucher->owners, line_at(i, 1), toucher->task,
                        i % THREADS == toucher->task - 1);
    return NULL;
}

static void threads_share_words(void **state)
{
    (void)state;
    struct race_owners owners;
    struct toucher touchers[THREADS];
    pthread_t threads[THREADS];
    uint64_t *shared = memory_get(WORDS / 64, sizeof(*shared));
    uint32_t taken = 0, crowded = 0;
    race_owners_open(&owners, BITS, THREADS + 1);
    for (uint32_t i = 0; i < THREADS; i++) {
        touchers[i] = (struct toucher){&owners, i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, touch_all, &touchers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < WORDS; i++)
        taken += owners.buckets[i / RACE_OWNER_BUCKET].words[i % RACE_OWNER_BUCKET] != 0;
    for (uint32_t i = 0; i < WORDS / 64; i++)
        crowded += owners.crowded[i] != 0;
    assert_true(taken <= WORDS / 2); /* none has two words */
    assert_true(crowded || taken == WORDS / 2);
    race_owners_close(&owners, shared);
    for (uint32_t i = 0; i < WORDS / 2; i++)
        assert_true(worth(shared, line_at(i, 1)));
    free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_lines_are_told_apart),
        cmocka_unit_test(many_lines_are_worth_it_at_worst),
        cmocka_unit_test(the_most_tasks_leave_no_hash),
        cmocka_unit_test(rows),
        cmocka_unit_test(ranges_of_all_memory),
        cmocka_unit_test(threads_share_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
