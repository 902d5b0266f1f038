/*
 * In what order gathered accesses become records, against the model of access_test.c: by site, and by line, whatever the order
 * in which lines were touched; rows are found, and nothing is lost or told twice.
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

#define SPREAD 8000u /* lines; a filter of 2^14 has a place for each */

/* As a copy of number's instruction would: 4 bytes in the midst of a line. */
static void touch(uint32_t line, uint32_t number)
{
    static const uint64_t frames_of[] = {0x9000};
    static uint32_t stack;
    if (!stack)
        stack = stack_put(frames_of, 1);
    struct patch_site site = {.pc = 0x7fff + number * 4,
                              .size = 4,
                              .kind = (uint8_t)(R4 | number % 2),
                              .slot = (uint8_t)number};
    uint64_t address = MEMORY + (uint64_t)line * 64 + 8;
    model_access_of(address, 4, site.kind, site.pc + 1, key_of(frames_of, 1));
    access_record_of(&own, own.access, address, &site, number, stack);
}

/* All of SPREAD lines once, none near the one before. */
static uint32_t shuffled(uint32_t i)
{
    return (uint32_t)((uint64_t)i * 7919 % SPREAD);
}

/* The filter gets the size that it needs. */
static void grow(void)
{
    while (own.access->entries_log2 < 14) {
        for (uint32_t i = 0; i < SPREAD; i++)
            touch(shuffled(i), 1 + i % 2);
        do_segment();
    }
    do_access(MEMORY, 1, TRACE_KIND_WRITE | TRACE_KIND_ATOMIC, 0x3000);
}

struct written {
    uint32_t records, sites, steps_back; /* sites: how often it is not that of the record before */
};

/* What writing what is gathered adds to the stream. */
static struct written written(void)
{
    static struct trace_access_codec codec;
    codec = own.access->codec;
    const uint8_t *p = own.access_stream.next;
    gather_write(&own, own.access);
    struct written all = {0};
    uint64_t pc = 0, line = 0;
    while (p < own.access_stream.next) {
        struct trace_access record;
        const char *error = NULL;
        p += trace_access_get(&codec, p, own.access_stream.next, &record, &error);
        assert_null(error);
        assert_int_equal(record.type, TRACE_ACCESS_LINE);
        all.records++;
        all.sites += record.pc != pc;
        all.steps_back += record.pc == pc && record.address < line;
        pc = record.pc;
        line = record.address;
    }
    return all;
}

#define TILES(entries) (((entries) + GATHER_TILE - 1) / GATHER_TILE)

/* One site, in whatever order: rows as long as a tile. The lines' places in the filter begin anew somewhere. */
static void test_rows(void **state)
{
    (void)state;
    grow();
    for (uint32_t i = 0; i < SPREAD; i++)
        touch(shuffled(i), 1);
    struct written all = written();
    assert_in_range(all.records, 1, TILES(SPREAD) + 1);
    assert_int_equal(own.access->gather_count, 0);
    check();
}

/* Reads and writes of many sites that take turns. */
static void test_sites(void **state)
{
    (void)state;
    grow();
    for (uint32_t i = 0; i < SPREAD; i++)
        touch(shuffled(i), 1 + shuffled(i) % 10);
    struct written all = written();
    assert_int_equal(all.records, SPREAD);
    assert_in_range(all.sites, 10, 10 * (TILES(SPREAD) + 1));
    assert_in_range(all.steps_back, 0, 10);
    check();
}

/* Few lines, here and there; some of them written before, for a block that begins there, or a lock that is taken. */
static void test_few(void **state)
{
    (void)state;
    grow();
    for (uint32_t round = 0; round < 50; round++) {
        bool lock = round % 3 == 0; /* when it is given back all has been written */
        for (uint32_t i = 0; i < 1 + round % 7; i++)
            touch(i * 2777 % SPREAD, 1 + i % 3);
        if (round % 2)
            do_block(MEMORY + 2777 * 64, 64, round % 4 == 1);
        if (lock)
            do_lock(1 + round % 8, TRACE_MODE_EXCLUSIVE);
        touch(2777, 2);
        if (lock)
            do_unlock(0);
        struct written all = written();
        assert_in_range(all.records, !lock, lock ? 0 : 8);
        assert_int_equal(written().records, 0);
        check();
    }
}

/* As a copy: an access that the filter knows, outside of its span. */
static bool in_span(uintptr_t address)
{
    return address >= patch_spans.low[0] && address < patch_spans.high[0];
}

static void ask(uintptr_t address, bool write)
{
    const struct patch_site site = {.size = 8,
                                    .kind = write ? TRACE_KIND_WRITE : 0,
                                    .action = PATCH_SPAN,
                                    .details = 1,
                                    .displacement = 16};
    patch_thread.address = address;
    patch_span_ask(&site);
}

static void gather_lines(uint32_t first, uint32_t end, bool write)
{
    for (uint32_t i = first; i < end; i++)
        gather_add(&own, own.access, MEMORY + i * 64, ~UINT64_C(0), write, 1, 1, false, 1);
}

/* A span holds what the filter knows as wholes, and nothing else; it is forgotten with any of it. */
static void test_spans(void **state)
{
    (void)state;
    thread_current = &own;
    patch_span_count = 1;
    access_fast.gathering = 0;
    access_new_generation(own.access);
    gather_lines(0, 1, false);
    ask(MEMORY, false); /* exact: none is set */
    assert_int_equal(patch_spans.high[0], 0);
    gather_begin(own.access);
    gather_lines(4, 10, false);
    gather_lines(2, 20, true);
    gather_add(&own, own.access, MEMORY + 640, 0xff, 0, 1, 1, false, 1); /* a part of a line */
    ask(MEMORY + 64 * 5, false);
    assert_int_equal(patch_spans.low[0], MEMORY + 64 * 4 - 16);
    assert_int_equal(patch_spans.high[0], MEMORY + 64 * 10 - 16 - 7); /* eight bytes still fit */
    int32_t left = patch_spans.left[0];
    ask(MEMORY + 640, false); /* not a whole line */
    assert_int_equal(patch_spans.high[0], MEMORY + 64 * 10 - 16 - 7);
    assert_true(patch_spans.left[0] > left);
    gather_lines(10, 12, false); /* the run goes on */
    ask(MEMORY + 64 * 11, false);
    assert_true(in_span(MEMORY + 64 * 4 - 16) && in_span(MEMORY + 64 * 12 - 16 - 8));
    ask(MEMORY + 64 * 11, true); /* what was written is another run */
    assert_true(in_span(MEMORY + 64 * 2 - 16) && !in_span(MEMORY + 64 * 20 - 16));
    do_block(MEMORY + 64 * 100, 32, false); /* elsewhere */
    assert_true(in_span(MEMORY + 64 * 5));
    do_block(MEMORY + 64 * 3 + 8, 32, true);
    assert_false(in_span(MEMORY + 64 * 5));
    ask(MEMORY + 64 * 5, true); /* without the line of the block, and with no run from before */
    assert_true(in_span(MEMORY + 64 * 4 - 16) && !in_span(MEMORY + 64 * 4 - 17));
    access_forget_everywhere(MEMORY + 64 * 8);
    assert_false(in_span(MEMORY + 64 * 5));
    ask(MEMORY + 64 * 5, true);
    assert_true(in_span(MEMORY + 64 * 8 - 16 - 8) && !in_span(MEMORY + 64 * 8 - 16 - 7));
    access_new_generation(own.access);
    assert_false(in_span(MEMORY + 64 * 5));
    ask(MEMORY + 64 * 5, true);
    assert_false(in_span(MEMORY + 64 * 5));
    access_new_generation(own.access);
    gather_lines(5, 6, true);
    ask(MEMORY + 64 * 5, true);
    assert_true(in_span(MEMORY + 64 * 5 - 16) && !in_span(MEMORY + 64 * 6 - 16));
    access_thread_end(&own);
    access_thread_start(&own);
    memset(&patch_spans, 0, sizeof patch_spans);
    patch_span_count = 0;
}

static int begin_gathering(void **state)
{
    memset(pool, 0,
           sizeof pool); /* filters of the test before, of a size that this one has not come to */
    shim_options.gather = true;
    shim_options.sites = 0;
    patch_on = 1;
    mark_clear(MEMORY, MEMORY_BYTES);
    return begin(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_gathering, end)
    const struct CMUnitTest tests[] = {TEST(test_rows), TEST(test_sites), TEST(test_few),
                                       TEST(test_spans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
