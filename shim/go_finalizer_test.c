/*
 * Who can go on since a finalizer will run, and who cannot since it will not.
 */
#include "shim/go_heap_make.h"

/* Object n of the heap has a finalizer, which is object `function`. */
static void finalizer(uint32_t n, uint32_t function)
{
    struct special *special = specials;
    while (special->function)
        special++;
    *special = (struct special){spans[0].specials, (uint16_t)(n * sizeof heap[0]), KIND_FINALIZER,
                                object(function)};
    spans[0].specials = special;
}

/* Nobody has the object: its finalizer will run, and who that wakes may wake others. */
static void by_finalizer(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    finalizer(10, 11);
    heap[10][2] = object(5);
    waits(2, 5);
    on_stack(2, object(6));
    waits(3, 6);
    heap[11][1] = object(7); /* what it calls has this one */
    waits(4, 7);
    waits(5, 8);
    reach(NULL, 0);
    for (uint32_t n = 2; n <= 4; n++)
        assert_int_equal(found(n), SOMEBODY);
    assert_int_equal(found(5), NOBODY);
}

/* The one that waits for it has the object itself, or has one that has it: it never runs. */
static void finalizer_kept(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    finalizer(10, 11);
    heap[10][2] = object(5);
    waits(2, 5);
    on_stack(2, object(12));
    heap[12][0] = object(10);
    finalizer(13, 14); /* of something else, which nobody has */
    heap[13][0] = object(9);
    reach(NULL, 0);
    assert_int_equal(found(2), NOBODY);
}

/* Each worker has the cache of the one before it: the last goes, so the one before it can, and so on. */
static void finalizers_in_a_row(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    for (uint32_t n = 2; n <= 6; n++) {
        finalizer(n + 10, 20);
        heap[n + 10][0] = object(n);
        waits(n, n);
        on_stack(n, object(n + 9));
    }
    reach(NULL, 0);
    for (uint32_t n = 2; n <= 6; n++)
        assert_int_equal(found(n), SOMEBODY);
}

/* Somebody has the object who may give it up. */
static void finalizer_of_held(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    on_stack(1, object(10));
    finalizer(10, 11);
    heap[11][2] = object(5);
    waits(2, 5);
    reach(NULL, 0);
    assert_int_equal(found(2), VARIABLE);
}

/* The collector has found it; the goroutine that calls finalizers has not come to it. */
static void finalizer_queued(void **state)
{
    (void)state;
    uint64_t *block = pages + 1536;
    goroutine(1, TRACE_TASK_RUNNING);
    *(uint32_t *)&block[2] = 2;
    queue[0].object = object(10);
    queue[0].function = queue[1].function = object(11);
    queue[1].object = object(12);
    heap[10][1] = object(5);
    heap[11][1] = object(6);
    heap[12][1] = object(7);
    for (uint32_t n = 2; n <= 5; n++)
        waits(n, n + 3);
    reach(NULL, 0);
    for (uint32_t n = 2; n <= 4; n++)
        assert_int_equal(found(n), SOMEBODY);
    assert_int_equal(found(5), NOBODY);
}

/* It is being called, and waits for somebody who can go on. */
static void finalizer_called(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    on_stack(1, object(5));
    waits(2, 5);
    on_stack(2, object(6));
    records[2].flags = TRACE_TASK_SYSTEM;
    waits(3, 6);
    reach(NULL, 0);
    assert_int_equal(found(3), NOBODY);
    gs[2].finalizer = 1;
    reach(NULL, 0);
    assert_int_equal(found(3), SOMEBODY);
}

/* It is being called, and waits for what nobody can do: none of the others runs. If somebody can, all do. */
static void finalizer_stuck(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t *block = pages + 1536;
        set_up(NULL);
        goroutine(1, TRACE_TASK_RUNNING);
        waits(2, 5);
        records[2].flags = TRACE_TASK_FINALIZES;
        gs[2].finalizer = 1;
        on_stack(2, object(10));
        heap[10][0] = object(6);
        waits(3, 6); /* for the rest of what it does */
        *(uint32_t *)&block[2] = 1;
        queue[0].object = object(12);
        queue[0].function = object(11);
        heap[12][1] = object(7);
        waits(4, 7); /* for the next one */
        finalizer(13, 11);
        heap[13][0] = object(8);
        waits(5, 8); /* for one whose object the collector has not found yet */
        on_stack(1, i ? object(5) : 0);
        reach(NULL, 0);
        for (uint32_t n = 2; n <= 5; n++)
            assert_int_equal(found(n), i ? SOMEBODY : NOBODY);
    }
}

/* Only a variable leads to what it waits for. */
static void finalizer_may_go_on(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    records[2].flags = TRACE_TASK_FINALIZES;
    variables_of_program[7] = object(5);
    *(uint32_t *)&pages[1538] = 1;
    queue[0].object = object(12);
    queue[0].function = object(11);
    heap[12][1] = object(7);
    waits(3, 7);
    waits(4, 8);
    reach(NULL, 0);
    assert_int_equal(found(2), VARIABLE);
    assert_int_equal(found(3), VARIABLE);
    assert_int_equal(found(4), NOBODY);
}

/* Where finalizers are kept is not known: one may lead there, as a variable may. */
static void no_finalizers(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    waits(3, 6);
    on_stack(1, object(6));
    variables_of_libgo[5] = 0;
    reach(NULL, 0);
    assert_int_equal(found(2), TRACE_TASK_REACHED);
    assert_int_equal(found(3), TRACE_TASK_REACHED_BY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(by_finalizer, set_up),
        cmocka_unit_test_setup(finalizer_kept, set_up),
        cmocka_unit_test_setup(finalizers_in_a_row, set_up),
        cmocka_unit_test_setup(finalizer_of_held, set_up),
        cmocka_unit_test_setup(finalizer_queued, set_up),
        cmocka_unit_test_setup(finalizer_called, set_up),
        cmocka_unit_test_setup(finalizer_stuck, set_up),
        cmocka_unit_test_setup(finalizer_may_go_on, set_up),
        cmocka_unit_test_setup(no_finalizers, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
