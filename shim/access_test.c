/*
 * The filter, the open table and the contexts, against a model: a random program of calls, accesses, locks, releases and
 * allocations is recorded; what the decoded trace says must be exactly what happened, at any moment it is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/abi_fast.c"
#include "shim/access.c"
#include "shim/access_block.c"
#include "shim/access_near.c"
#include "shim/access_span.c"
#include "shim/block.c"
#include "shim/filter.c"
#include "shim/forget.c"
#include "shim/gather.c"
#include "shim/gather_write.c"
#include "shim/held.c"
#include "shim/mark.c"
#include "shim/open.c"
#include "shim/orders.c"
#include "shim/park.c"
#include "shim/shadow.c"

#include "shim/access_recorder_make.h"

#include "shim/access_model.h"
#include "shim/access_open_make.h"
#include "shim/access_random_make.h"

/* ---- tests ---- */

static void test_once(void **state)
{
    (void)state;
    do_access(MEMORY, 4, R4, 1);
    do_access(MEMORY, 4, R4, 2);
    assert_true(access_seen(MEMORY, 15, false));
    assert_false(access_seen(MEMORY, 15, true));
    do_access(MEMORY, 4, W4, 3);
    do_access(MEMORY, 4, R4, 4);
    do_access(MEMORY, 4, W4, 5);
    assert_true(access_seen(MEMORY, 15, true));
    access_flush(&own);
    check();
    assert_int_equal(line_count, 2);
    do_segment();
    assert_false(access_seen(MEMORY, 15, false));
    do_access(MEMORY, 4, R4, 4);
    access_flush(&own);
    check();
    assert_int_equal(line_count, 3);
    assert_int_equal(record_count[TRACE_ACCESS_SEGMENT], 1);
}

/* A write after which nobody reads: the read that follows it is not news, in the atomic filter neither. */
static void test_atomic(void **state)
{
    (void)state;
    do_access(MEMORY, 4, R4, 1);
    do_access(MEMORY, 4, R4 | TRACE_KIND_ATOMIC, 2);
    do_access(MEMORY, 4, W4 | TRACE_KIND_ATOMIC, 3);
    do_access(MEMORY, 4, R4 | TRACE_KIND_ATOMIC, 4);
    access_flush(&own);
    check();
    assert_int_equal(line_count, 3);
}

/* A segment without accesses writes nothing; an unchanged context is written once however often it comes again. */
static void test_lazy(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        do_segment();
        do_call(100);
        do_return();
    }
    check();
    assert_int_equal(record_count[TRACE_ACCESS_SEGMENT], 0);
    for (uint32_t i = 0; i < 1000; i++) {
        do_access(MEMORY + 64 * i, 8, W4, 1);
        do_call(101);
        do_lock(3, TRACE_MODE_EXCLUSIVE);
        do_access(MEMORY + 32 + 64 * i, 4, R4, 2);
        do_unlock(0);
        do_return();
    }
    access_flush(&own);
    check();
    assert_int_equal(record_count[TRACE_ACCESS_SEGMENT], 1);
    assert_true(record_count[TRACE_ACCESS_CONTEXT] <= 2);
    assert_true(line_count <= 4);
}

/* Where modules are patched, the time of a segment is told, but not more often than it must. */
static void test_time(void **state)
{
    (void)state;
    patch_on = 1;
    for (uint32_t i = 0; i < 1000; i++) {
        do_access(MEMORY, 4, W4, 1);
        do_segment();
    }
    uint64_t begin_tsc = tsc_now();
    while (tsc_now() - begin_tsc < TIME_GAP)
        ;
    do_access(MEMORY, 4, W4, 1);
    patch_on = 0;
    access_flush(&own);
    check();
    assert_in_range(record_count[TRACE_ACCESS_TIME], 2, 500);
    assert_int_equal(record_count[TRACE_ACCESS_SEGMENT], 1000);
}

static void test_ranges(void **state)
{
    (void)state;
    do_access(MEMORY + 100, 1000, TRACE_KIND_RANGE | 15u << 4, 1);
    do_access(MEMORY + 10001, 100000, TRACE_KIND_RANGE | TRACE_KIND_WRITE | 15u << 4, 2);
    do_access(MEMORY + 33, TRACE_RANGE_MAX + 77, TRACE_KIND_RANGE | 15u << 4, 3);
    access_flush(&own);
    check();
    assert_int_equal(record_count[TRACE_ACCESS_RANGE], 3);
    uint32_t before = record_count[TRACE_ACCESS_LINE];
    do_segment();
    for (uint32_t i = 0; i < TRACE_RUN_MAX + 100; i++)
        do_access(MEMORY + i * 64, 8, 3u << 4, 4);
    access_flush(&own);
    check();
    assert_int_equal(record_count[TRACE_ACCESS_LINE], before + 2);
}

static void test_alone(void **state)
{
    (void)state;
    table_tasks.count = 2;
    uint32_t used = own.access_stream.chunk->used;
    own_record.flags = TRACE_TASK_MAIN;
    own.task = 1;
    shadow_enter(0x11, 0x1000);
    shadow_enter(0x22, 0x0f00);
    access_alloc(&own, MEMORY, 100, TRACE_ALLOC_HEAP, 0x33);
    access_alloc(&own, MEMORY + 4096, 100, TRACE_ALLOC_HEAP, 0x34);
    access_free(&own, MEMORY + 4096, 100, TRACE_ALLOC_HEAP, 0x35);
    access_record(&own, MEMORY, 4, W4, 1);
    assert_int_equal(own.access_stream.chunk->used, used);
    assert_true(access_seen(MEMORY, 15, true));
    assert_true(access_seen(MEMORY + 32, 1, true)); /* nobody asks for the rest of the line */
    assert_false(access_seen(MEMORY + 64, 1, true));
    access_record(&own, MEMORY + 64, 4, R4, 1);
    assert_true(access_seen(MEMORY + 127, 1, false));
    assert_false(access_seen(MEMORY + 127, 1, true));
    patch_on = 1;
    assert_true(mark_set(MEMORY + 130, 1));
    access_record(&own, MEMORY + 128, 1, 1, 1);
    assert_false(access_seen(MEMORY + 129, 1, true)); /* but where bytes are marked */
    mark_clear(MEMORY + 128, 64);
    patch_on = 0;
    access_no_longer_alone();
    assert_false(access_seen(MEMORY, 15, true));
    assert_false(access_seen(MEMORY + 64, 15, false));
    table_tasks.count = 3;
    do_segment();
    access_record(&own, MEMORY, 4, W4, 1);

    static struct trace_access_codec codec, copy;
    memset(&codec, 0, sizeof codec);
    const uint8_t *p = stream_bytes + sizeof(struct trace_chunk_header),
                  *stop = p + own.access_stream.chunk->used;
    struct trace_access record;
    const char *error;
    uint32_t heap = 0, pushed = 0;
    for (; p < stop; p += trace_access_get(&codec, p, stop, &record, &error)) {
        copy = codec;
        error = NULL;
        trace_access_get(&copy, p, stop, &record, &error);
        assert_null(error);
        if (record.type == TRACE_ACCESS_CONTEXT && !heap) {
            assert_int_equal(record.pushes, 2);
            assert_int_equal(record.push[0], 0x11);
            assert_int_equal(record.push[1], 0x22);
            pushed = record.context;
        }
        if (record.type == TRACE_ACCESS_ALLOC && record.kind == TRACE_ALLOC_HEAP) {
            heap++;
            assert_int_equal(record.address, MEMORY);
            assert_int_equal(record.size, 100);
            assert_int_equal(record.pc, 0x33);
            assert_int_equal(record.context, pushed);
        }
    }
    assert_int_equal(heap, 1);
}

static void test_jump(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++)
        do_call(100 + i);
    do_access(MEMORY, 4, R4, 1);
    uint64_t target =
        0x7ffff000 -
        11 * 64; /* the eleventh frame called setjmp a little below where it was entered */
    shadow_cut(target - 16);
    depth = 11;
    do_access(MEMORY + 64, 4, R4, 2);
    do_return();
    do_access(MEMORY + 128, 4, R4, 3);
    access_flush(&own);
    check();
    shadow_enter(5, 0x10000); /* a handler on a signal stack far below */
    shadow_enter(6, 0x0ff00);
    shadow_cut(0x7ffff000 - 10 * 64 - 16);
    do_access(MEMORY + 256, 4, R4, 7);
    access_flush(&own);
    check();
}

static void test_deep(void **state)
{
    (void)state;
    uint32_t count;
    for (uint64_t i = 0; i < SHADOW_DEPTH + 1000; i++)
        shadow_enter(i, 0x7fff00000000 - 16 * i);
    access_shadow(&count);
    assert_int_equal(count, SHADOW_DEPTH);
    access_record(&own, MEMORY, 4, R4, 1);
    for (uint64_t i = 0; i < 1010; i++)
        shadow_leave();
    access_shadow(&count);
    assert_int_equal(count, SHADOW_DEPTH - 10);
    access_record(&own, MEMORY + 64, 4, R4, 1);
    for (uint64_t i = 0; i < SHADOW_DEPTH; i++) /* ten more than there are */
        shadow_leave();
    access_shadow(&count);
    assert_int_equal(count, 0);
    do_access(MEMORY + 128, 4, R4, 1);
    for (uint64_t i = 0; i < 2000; i++)
        shadow_enter(7, 0x7fff00000000 - 16 * i);
    shadow_cut(0x7fff00000000);
    access_shadow(&count);
    assert_int_equal(count, 1);
}

/* Nothing of an earlier generation is known, even if more lines came and went than can be noted one by one. */
static void test_emptied(void **state)
{
    (void)state;
    for (uint64_t lines = 3; lines < 2000; lines *= 5) {
        for (uint64_t i = 0; i < lines; i++) {
            do_access(MEMORY + 4096, 4, W4, 1);
            do_block(MEMORY + 4096, 64, i & 1); /* its line is forgotten, and comes again */
        }
        do_access(MEMORY, 4, W4, 2);
        do_access(MEMORY + 64, 8, 0, 2);
        do_segment();
        do_access(MEMORY, 4, W4, 3);
        do_access(MEMORY + 64, 8, 0, 3);
        check();
    }
}

static int end_gathering(void **state)
{
    end(state);
    shim_options.gather = false;
    segments_are_long = false;
    return 0;
}

static void test_random_dense(void **state)
{
    (void)state;
    random_run(0x1234567, 40000, 30);
}

/* Two sites, two lines: every access has a chance to be merged where it must not. */
static void test_random_tight(void **state)
{
    (void)state;
    random_run(0x2345678, 40000, 2);
}

/* A write to a line that another one has driven out of the filter of reads alone. */
static void test_driven_out(void **state)
{
    (void)state;
    uint64_t other = MEMORY + ((uint64_t)64 << FILTER_FIRST);
    do_access(MEMORY, 1, TRACE_KIND_WRITE, 1);
    do_access(other, 1, 0, 2);
    do_access(MEMORY + 1, 1, TRACE_KIND_WRITE, 1);
    do_access(other + 1, 1, 0, 2);
    check();
}

/* Lines that have one slot of the filter. */
static void test_random_slot(void **state)
{
    (void)state;
    apart = (uint64_t)64 << FILTER_FIRST;
    random_run(0x3456789, 40000, 3);
    apart = 64;
}

static void test_random_wide(void **state)
{
    (void)state;
    random_run(0x7654321, 25000, 20000);
}

static void test_random_unnoted(void **state)
{
    (void)state;
    not_noted = true;
    random_run(0xabcdef, 20000, 100);
    not_noted = false;
}

/* Segments with more contexts than a record can look back. */
static void test_random_long(void **state)
{
    (void)state;
    segments_are_long = true;
    random_run(0x4567891, 40000, 30);
}

static void test_random_long_wide(void **state)
{
    (void)state;
    segments_are_long = true;
    random_run(0x5678912, 25000, 20000);
}

/* A line that another thread has marked is seen anew, in whatever generation and filter, and no other. */
static void test_forget(void **state)
{
    (void)state;
    do_segment();
    for (uint32_t i = 0; i < 20; i++)
        do_access(MEMORY + i * 64, 8, (3u << 4) | (i & 1), 1);
    for (uint32_t i = 0; i < 20; i += 3)
        access_forget_everywhere(MEMORY + i * 64);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(access_seen(MEMORY + i * 64, 255, i & 1), i % 3 != 0);
    access_thread_end(&own);
    access_forget_everywhere(MEMORY);
    access_thread_start(&own);
}

static uint64_t words_left(void)
{
    uint64_t left = 0;
    for (uint32_t i = 1; i < PATCH_WORDS; i++)
        left += patch_words[i] != 0;
    memset(patch_words + 1, 1, sizeof patch_words - sizeof patch_words[0]);
    return left;
}

/* What a copy was told by the filter is forgotten with what the filter forgets. */
static void test_words(void **state)
{
    (void)state;
    access_fast.gathering = 0;
    access_new_generation(own.access);
    assert_null(own.access->words);
    words_left();
    access_new_generation(own.access); /* none are in use */
    assert_int_equal(words_left(), PATCH_WORDS - 1);
    memset(patch_words, 0, sizeof patch_words);
    gather_begin(own.access);
    assert_ptr_equal(own.access->words, patch_words);
    assert_int_equal(words_left(), 0);
    assert_int_equal(words_left(), PATCH_WORDS - 1);
    access_new_generation(own.access);
    assert_int_equal(words_left(), 0);
    access_forget_everywhere(MEMORY);
    assert_int_equal(words_left(), 0);
    access_no_longer_alone();
    assert_int_equal(words_left(), 0);
    do_block(MEMORY + 128, 32, false);
    assert_int_equal(words_left(), 0);
    do_block(MEMORY + 128, 32, true);
    assert_int_equal(words_left(), 0);
    access_thread_end(&own);
    assert_int_equal(words_left(), 0);
    access_forget_everywhere(MEMORY);
    assert_int_equal(words_left(), PATCH_WORDS - 1);
    access_thread_start(&own);
    assert_int_equal(words_left(), PATCH_WORDS - 1);
    memset(patch_words + 1, 0, sizeof patch_words - sizeof patch_words[0]);
}

/* The filter of a thread that touches much grows, and is used again by the next. */
static uint32_t context_number(uint64_t hash)
{
    const struct context_seen *seen = context_known(own.access, hash);
    return seen ? seen->number : 0;
}

/* Hashes that begin at the same place are known together, as many as have room; then the oldest goes. */
static void test_context_places(void **unused)
{
    (void)unused;
    do_access(MEMORY, 1, R4, 1);
    struct access_state *state = own.access;
    uint32_t before = state->codec.context;
    for (uint64_t i = 1; i <= CONTEXT_WAYS; i++)
        context_place(state, 5 + i * CONTEXT_CACHE)->number = ++state->codec.context;
    for (uint64_t i = 1; i <= CONTEXT_WAYS; i++)
        assert_int_equal(context_number(5 + i * CONTEXT_CACHE), before + i);
    assert_int_equal(context_number(5), 0);
    context_place(state, 5)->number = ++state->codec.context;
    assert_int_equal(context_number(5 + CONTEXT_CACHE), 0);
    for (uint64_t i = 2; i <= CONTEXT_WAYS; i++)
        assert_int_equal(context_number(5 + i * CONTEXT_CACHE), before + i);
    assert_int_equal(context_number(5), state->codec.context);
    state->codec.context += CONTEXT_OLD - 1;
    assert_int_not_equal(context_number(5), 0);
    state->codec.context++;
    assert_int_equal(context_number(5), 0);
    state->codec.context = before;
}

static uint32_t near_of(const struct trace_open *entry)
{
    return entry->near[0] | (uint32_t)entry->near[1] << 8 | (uint32_t)entry->near[2] << 16;
}

/* May copies add bytes to the record that a site's first access in a segment has opened? */
static uint32_t near_after(uint64_t address, uint32_t number)
{
    struct patch_site site = {
        .pc = 0x7000 + number * 4, .size = 4, .kind = 2 << 4, .slot = (uint8_t)number};
    uint32_t stack = stack_put((const uint64_t[]){0x9000}, 1);
    assert_int_not_equal(access_record_of(&own, own.access, address, &site, number, stack), 0);
    assert_int_equal(access_fast.table[number].line, address & ~(uint64_t)(LINE_BYTES - 1));
    return near_of(&access_fast.table[number]);
}

static void test_near(void **unused)
{
    (void)unused;
    patch_on = 1;
    mark_clear(MEMORY, MEMORY_BYTES); /* what others left */
    do_access(MEMORY, 1, R4, 1);
    assert_int_equal(near_after(MEMORY + 128, 7), 7);
    assert_int_equal(near_after(MEMORY + 140, 8), 8);
    assert_true(mark_set(MEMORY + 250, 1));
    assert_int_equal(near_after(MEMORY + 192, 9), 0); /* the line is new */
    assert_int_equal(near_after(MEMORY + 204, 10), 0);
    /* Nothing is done of such a line; if it has not been seen, neither has it since, and what is open of it is closed. */
    const struct patch_site site = {.pc = 0x8000, .size = 4, .kind = 2 << 4, .slot = 11};
    assert_false(access_near(MEMORY + 208, &site, 11));
    assert_int_equal(near_after(MEMORY + 256, 12), 12);
    assert_true(mark_set(MEMORY + 300, 1));
    access_forget_everywhere(MEMORY + 256);
    assert_false(access_near(MEMORY + 264, &site, 11));
    assert_int_equal(filter_entry(&access_fast.reads, MEMORY + 256)->tag, 0);
    assert_int_equal(near_of(&access_fast.table[12]), 0);
    assert_int_equal(access_fast.table[11].mask, 0);
    assert_false(own.busy);
    mark_clear(MEMORY, MEMORY_BYTES);
    assert_true(access_near(MEMORY + 208, &site, 11));
    assert_int_equal(access_fast.table[11].line, MEMORY + 192);
    assert_int_equal(access_fast.table[11].mask, 0xf0000);
    patch_on = 0;
}

static void test_grows(void **state)
{
    (void)state;
    uint32_t before = own.access->entries_log2;
    for (uint32_t round = 0; round < 12; round++)
        for (uint64_t line = 0; line < 100000; line++)
            do_access(MEMORY + line * 64, 8, 3u << 4, 0x5000);
    assert_int_equal(before, FILTER_FIRST);
    assert_int_equal(own.access->entries_log2, FILTER_LARGE);
    struct filter_entry *entries = own.access->entries;
    check();
    access_thread_end(&own);
    assert_ptr_equal(pool[FILTER_LARGE], entries);
    assert_int_equal(large_used, 0);
    access_thread_start(&own);
    assert_int_equal(own.access->entries_log2, FILTER_FIRST);
    static const uint32_t stands[] = {512, 2048, 8192, 16384, 16384};
    for (uint32_t i = 0; i < 5;
         i++) { /* two lines of one place take turns; the first finds it empty */
        uint32_t log2 = own.access->entries_log2, accesses = 0;
        for (; own.access->entries_log2 == log2; accesses++)
            do_access(MEMORY + accesses % 2 * (UINT64_C(64) << log2), 8, 3u << 4, 0x5000);
        assert_int_equal(accesses, stands[i] + 1);
    }
    assert_int_equal(own.access->entries_log2, FILTER_LARGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define GATHERED(name)                                                            \
    cmocka_unit_test_setup_teardown(test_##name, begin_gathering, end_gathering), \
        cmocka_unit_test_setup_teardown(test_##name, begin_gathering_late, end_gathering)
    const struct CMUnitTest tests[] = {TEST(test_once),
                                       TEST(test_atomic),
                                       TEST(test_row),
                                       TEST(test_in_turn),
                                       TEST(test_lazy),
                                       TEST(test_ranges),
                                       TEST(test_alone),
                                       TEST(test_jump),
                                       TEST(test_deep),
                                       TEST(test_random_dense),
                                       TEST(test_random_tight),
                                       TEST(test_random_slot),
                                       TEST(test_driven_out),
                                       TEST(test_random_wide),
                                       TEST(test_random_unnoted),
                                       TEST(test_grows),
                                       TEST(test_old_context),
                                       TEST(test_emptied),
                                       TEST(test_forget),
                                       TEST(test_time),
                                       TEST(test_context_places),
                                       TEST(test_near),
                                       GATHERED(random_dense),
                                       GATHERED(random_tight),
                                       GATHERED(random_slot),
                                       GATHERED(random_wide),
                                       GATHERED(random_unnoted),
                                       GATHERED(random_long),
                                       GATHERED(random_long_wide),
                                       GATHERED(words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
