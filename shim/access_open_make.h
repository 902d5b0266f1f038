/*
 * Tests of records that are open, for access_test.c: rows, the order in which they are told, how long they stay open.
 */
#ifndef SHIM_ACCESS_OPEN_MAKE_H
#define SHIM_ACCESS_OPEN_MAKE_H

static void check_every(uint64_t i, uint64_t period)
{
    if (i % period == 0)
        check();
}

static void test_row(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        do_access(MEMORY + 4 * i, 4, W4, 1);
    for (uint64_t i = 96; i > 0; i--)
        do_access(MEMORY + 8192 + 4 * i - 4, 4, R4, 2);
    check();
    assert_int_equal(line_count, 0); /* all of it is still open */
    access_flush(&own);
    check();
    assert_int_equal(line_count, 3); /* six lines and a tail; six lines the other way */
}

/* What instrumented code has done is told in the order of its first accesses. */
static void test_in_turn(void **state)
{
    (void)state;
    uint64_t pcs[20], pc = 0x1000;
    bool taken[TRACE_OPEN_ENTRIES] = {false};
    uint32_t descents = 0;
    for (uint32_t i = 0; i < 20; taken[open_slot(pcs[i], W4)] = true, i++) {
        while (taken[open_slot(pc, W4)])
            pc += 16;
        pcs[i] = pc;
        descents += i && open_slot(pcs[i], W4) < open_slot(pcs[i - 1], W4);
    }
    assert_true(descents > 3);
    for (uint32_t segment = 0; segment < 3; segment++) {
        for (uint64_t i = 0; i < 20; i++)
            do_access(MEMORY + 128 * i, 4, W4, pcs[i]);
        for (uint64_t i = 20; i-- > 0;)
            do_access(MEMORY + 128 * i + 4, 4, W4, pcs[i]);
        if (segment == 1) /* one out of turn */
            open_flush_range(&own, own.access, MEMORY + 128 * 7, MEMORY + 128 * 8);
        do_segment();
    }
    access_flush(&own);
    check();
    assert_int_equal(line_count, 60);
    assert_int_equal(line_pcs[20], pcs[7]);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(line_pcs[i], pcs[i]);
        assert_int_equal(line_pcs[40 + i], pcs[i]);
    }
}

/* An entry must not stay open until its context is too far back to be named. */
static void test_old_context(void **state)
{
    (void)state;
    do_call(1);
    do_access(MEMORY, 4, W4, 0x5000);
    for (uint64_t i = 0; i < 3000; i++) {
        do_call(1000 + i);
        do_access(MEMORY + 4096 + 64 * i, 4, W4, 0x6000);
        do_return();
        check_every(i, 500);
    }
    check();
}

#endif
