/*
 * Parked records, against the model of access_test.c: nothing is lost or made up at any moment, and less is written.
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

/* In a large segment a site that comes back to a line makes no second record; whenever the thread is killed, all is there. */
static void test_parked(void **state)
{
    (void)state;
    const uint32_t count = 16, lines = 100, times = 10;
    for (uint32_t time = 0; time < times; time++)
        for (uint32_t line = 0; line < lines; line++)
            for (uint32_t site = 0; site < count; site++)
                do_access(MEMORY + 128 * line + 4 * site + time % 4 + 64 * (time / 4 % 2), 1,
                          site % 2, 0x1000 + site);
    assert_true(own.access->parked > lines * count / 2);
    check();
    uint32_t written = line_count;
    access_flush(&own);
    assert_int_equal(own.access->parked, 0);
    check();
    assert_true(written < PARK_AFTER + count);
    assert_in_range(line_count, 2 * lines * count, 2 * lines * count + PARK_AFTER + count);
}

/* More of them than there is room for; and sites that never come back, which are soon not parked any more. */
static void test_park_full(void **state)
{
    (void)state;
    uint32_t fillings = 0;
    own.access->unparked = 0;
    for (uint32_t i = 0; !own.access->unparked; i++) {
        uint64_t line = (uint64_t)i * 7919 % 16384;
        do_access(MEMORY + line * 64 + i / 16384 * 4 % 64, 4, R4, 0x1000 + i / 16384 * 3 + i % 3);
        fillings = i / TRACE_PARK_ENTRIES;
        assert_true(fillings < 16);
    }
    assert_true(fillings > 1);
    check();
    uint32_t rest = own.access->unparked;
    do_segment();
    do_access(MEMORY, 4, W4, 0x1000);
    check();
    assert_int_equal(own.access->unparked, rest);
    own.access->unparked = 3;
    for (uint32_t i = 0; i < 64; i++)
        do_access(MEMORY + (i * 5 % 64) * 128, 4, W4, 0x1001);
    assert_true(own.access->parked > 32);
    check();
}

/* A block that begins or ends parts what was done before from what is done after, whether it is small or large. */
static void test_park_block(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 40; round++) {
        own.access->unparked = 0;
        for (uint32_t i = 0; i < 40; i++)
            do_access(MEMORY + (i * 7 % 40) * 128, 4, i % 2 ? W4 : R4, 0x1000 + i % 5);
        do_block(MEMORY + round * 128, round % 3 ? 64 : 100 * 64, round % 2);
        check();
    }
}

/* The child of a fork leaves alone what is parked in its parent's file. */
static void test_park_fork(void **state)
{
    (void)state;
    own.access->unparked = 0;
    for (uint32_t i = 0; i < 40; i++)
        do_access(MEMORY + i * 128, 4, W4, 0x1000);
    assert_int_equal(own.access->parked, 39);
    struct trace_parked before[64];
    const struct trace_parked *parked = stream_park(&own.access_stream);
    memcpy(before, parked, sizeof before);
    access_fork_child(&own);
    assert_int_equal(own.access->parked, 0);
    access_flush(&own);
    assert_memory_equal(before, parked, sizeof before);
}

/* Contexts go by, more than a record may name back, while something is parked. */
static void test_park_context(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3 * TRACE_CONTEXT_WINDOW; i++) {
        own.access->unparked = i % 700 < 40 ? 0 : 1000;
        do_call(0x20000 + i);
        if (i % 3 == 0)
            do_lock(1 + i % 8, TRACE_MODE_EXCLUSIVE);
        do_access(MEMORY + i % 700 * 128 + i / 700 % 32 * 4, 4, W4, 0x1000 + i % 2);
        if (i % 3 == 0)
            do_unlock(0);
        do_return();
        if (i % 100 == 0)
            check();
    }
    assert_true(own.access->codec.context > 2 * TRACE_CONTEXT_WINDOW);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {TEST(test_parked), TEST(test_park_full),
                                       TEST(test_park_block), TEST(test_park_fork),
                                       TEST(test_park_context)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
