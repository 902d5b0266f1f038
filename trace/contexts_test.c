/*
 * Contexts are read as they were written, whether their stacks and held sets are told or named as those of earlier ones;
 * what comes back takes few bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace/codec.h"

#define CONTEXTS 20000u
#define RING     (2 * TRACE_CONTEXT_WINDOW)
#define DEPTH    7u

struct stack {
    uint64_t frames[DEPTH];
    uint32_t depth;
};
struct set {
    struct trace_held held[3];
    uint32_t count;
};

static struct stack stacks[1200], stack_of[RING];
static struct set sets[1200], set_of[RING];

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void make_pools(uint64_t *seed)
{
    for (uint32_t i = 0; i < 1200; i++) {
        stacks[i].depth = 1 + (uint32_t)(next_random(seed) % DEPTH);
        for (uint32_t j = 0; j < DEPTH; j++)
            stacks[i].frames[j] = 0x400000 + next_random(seed) % 100000;
        sets[i].count = i ? 1 + (uint32_t)(next_random(seed) % 3) : 0;
        for (uint32_t j = 0; j < 3; j++)
            sets[i].held[j] = (struct trace_held){.object = (uint32_t)next_random(seed),
                                                  .mode = 1 + (uint32_t)(next_random(seed) & 1)};
    }
}

/* What the record changes, in what was there before; and whether that is what was to be written. */
static void take(const struct trace_access *record, const struct stack *stack,
                 const struct set *set)
{
    assert_in_range(record->stack_of, 0, record->context - 1);
    assert_in_range(record->context - record->stack_of, 1, TRACE_CONTEXT_WINDOW);
    assert_in_range(record->context - record->held_of, 1, TRACE_CONTEXT_WINDOW);
    struct stack *own = &stack_of[record->context % RING];
    struct set *held = &set_of[record->context % RING];
    *own = stack_of[record->stack_of % RING];
    *held = set_of[record->held_of % RING];
    assert_true(record->pops <= own->depth);
    own->depth -= record->pops;
    for (uint32_t i = 0; i < record->pushes; i++)
        own->frames[own->depth++] = record->push[i];
    if (record->held_changed) {
        held->count = record->held_count;
        memcpy(held->held, record->held, record->held_count * sizeof(*held->held));
    }
    assert_int_equal(own->depth, stack->depth);
    assert_memory_equal(own->frames, stack->frames, stack->depth * sizeof(*stack->frames));
    assert_int_equal(held->count, set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        assert_int_equal(held->held[i].object, set->held[i].object);
        assert_int_equal(held->held[i].mode, set->held[i].mode);
    }
}

static uint32_t begin(struct trace_access_codec *put, uint8_t *bytes)
{
    struct trace_access record = {.type = TRACE_ACCESS_SWITCH, .task = 2, .segment = 1};
    stack_of[0].depth = set_of[0].count = 0;
    return (uint32_t)(trace_access_put(put, bytes, &record) - bytes);
}

/* Contexts of the first `few` stacks and sets; returns what they take. */
static size_t roundtrip(uint32_t few, uint64_t seed)
{
    static struct trace_access_codec put, get;
    static struct trace_access record, read;
    uint32_t depth = 0, stack = 0, set = 0;
    size_t all = 0;
    const char *error = NULL;
    memset(&put, 0, sizeof(put));
    memset(&get, 0, sizeof(get));
    make_pools(&seed);
    for (uint32_t i = 0; i < CONTEXTS; i++) {
        uint8_t bytes[TRACE_RECORD_MAX];
        uint64_t what = next_random(&seed);
        if (i % 5000 == 0) {
            size_t size = begin(&put, bytes);
            assert_int_equal(trace_access_get(&get, bytes, bytes + size, &read, &error), size);
            depth = set = 0;
        }
        stack = what & 3 ? (stack + 1) % few : (uint32_t)(what >> 8) % few;
        uint32_t held = what >> 4 & 3 ? (uint32_t)(what >> 32) % few : set;
        uint64_t name = what >> 6 & 31 ? stack + 1 : 0;
        bool known = trace_stack_known(&put, name);
        record = (struct trace_access){.type = TRACE_ACCESS_CONTEXT,
                                       .stack_name = name,
                                       .held_name = held + UINT64_C(1),
                                       .pops = known ? 0 : depth,
                                       .pushes = known ? 0 : stacks[stack].depth,
                                       .held_changed = held != set,
                                       .held_count = sets[held].count};
        memcpy(record.push, stacks[stack].frames, sizeof(stacks[stack].frames));
        memcpy(record.held, sets[held].held, sizeof(sets[held].held));
        size_t size = (size_t)(trace_access_put(&put, bytes, &record) - bytes);
        static struct trace_access_codec cut;
        cut = get;
        assert_int_equal(trace_access_get(&get, bytes, bytes + size, &read, &error), size);
        assert_null(error);
        assert_int_equal(read.context, put.context);
        take(&read, &stacks[stack], &sets[held]);
        if (i % 16 == 0) {
            assert_int_equal(trace_access_get(&cut, bytes, bytes + size - 1, &read, &error), 0);
            assert_non_null(error);
            error = NULL;
        }
        depth = stacks[stack].depth;
        set = held;
        all += size;
    }
    return all;
}

static void contexts(void **state)
{
    (void)state;
    assert_in_range(roundtrip(20, 88172645463325252u), CONTEXTS, CONTEXTS * 4);
    roundtrip(300, 362436069u);
    roundtrip(1200, 521288629u);
}

/* A place of which nothing was told, or not since the task's numbers began. */
static void unknown(void **state)
{
    (void)state;
    static struct trace_access_codec codec;
    static struct trace_access record;
    for (uint32_t byte = 0x16; byte < 0x36; byte += 2) {
        uint8_t bytes[64] = {(uint8_t)byte, 7};
        const char *error = NULL;
        uint32_t how = (byte - 0x16) / 2;
        memset(&codec, 0, sizeof(codec));
        begin(&codec, bytes + 32);
        size_t size = trace_access_get(&codec, bytes, bytes + 16, &record, &error);
        bool wrong = how % 4 == 1 || how % 4 == 2 || how / 4 == 2;
        assert_int_equal(size == 0, wrong);
        assert_int_equal(error != NULL, wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(contexts), cmocka_unit_test(unknown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
