/*
 * The search of go_reach.c in a heap of a few objects: who is found by whom, and what is not followed.
 */
#include "shim/go_heap_make.h"

static void nobody(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    on_stack(2, object(5)); /* it has it itself */
    reach(NULL, 0);
    assert_int_equal(found(2), NOBODY);
}

static void by_stack(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    on_stack(1, object(5) + 24); /* into the middle of it */
    waits(2, 5);
    goroutine(3, TRACE_TASK_CREATED);
    waits(4, 6);
    heap[7][3] = object(8); /* by two others */
    heap[8][7] = object(6);
    on_stack(3, object(7));
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(4), SOMEBODY);
}

static void by_register(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    gs[1].context[9] = object(5);
    waits(2, 5);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
}

/* One that runs has what its thread stands with, and nothing that it was switched away with once. */
static void by_thread(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    gs[1].status = STATUS_RUNS;
    gs[1].context[9] = object(6);
    stacks[1][3] = object(7);
    halted[1] = (struct go_halted){.sp = (uint64_t)(stacks[1] + 4), .count = 40};
    halted[1].words[39] = object(5);
    waits(2, 5);
    waits(3, 6);
    waits(4, 7);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(3), NOBODY);
    assert_int_equal(found(4), NOBODY);
}

/* One that is in C has what it went there with. */
static void by_call(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    gs[1].status = STATUS_CALL;
    gs[1].call[REG_RSP_WORD] = (uint64_t)stacks[1];
    gs[1].call[9] = object(5);
    gs[1].context[9] = object(6);
    waits(2, 5);
    waits(3, 6);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(3), NOBODY);
}

/* Deferred calls, a panic's value, what a goroutine that has not begun was given. */
static void beside_the_stack(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_CREATED);
    gs[1].deferred = object(5);
    gs[1].panics = object(6);
    gs[1].parameter = object(7);
    for (uint32_t n = 2; n <= 4; n++)
        waits(n, n + 3);
    reach(NULL, 0);
    for (uint32_t n = 2; n <= 4; n++)
        assert_int_equal(found(n), SOMEBODY);
}

/* One runs, and its thread could not be halted; or somebody ran in between. Who was found all the same can go on. */
static void not_halted(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    gs[1].status = STATUS_RUNS;
    waits(2, 5);
    waits(3, 6);
    waits(4, 7);
    on_stack(1, object(6));
    variables_of_program[100] = object(7);
    reach(NULL, 0);
    assert_int_equal(found(2), 0);
    gs[1].status = 0;
    go_reach(NULL, 0);
    go_reach_end(false);
    assert_int_equal(found(2), 0);
    assert_int_equal(found(3), TRACE_TASK_REACHED_BY);
    assert_int_equal(found(4), 0);
    reach(NULL, 0);
    assert_int_equal(found(2), NOBODY);
    assert_int_equal(found(3), SOMEBODY);
    assert_int_equal(found(4), VARIABLE);
}

/* What was found before somebody ran says nothing of now. */
static void made_again(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    waits(3, 6);
    on_stack(1, object(5));
    variables_of_program[100] = object(6);
    go_reach(NULL, 0);
    on_stack(1, 0);
    variables_of_program[100] = 0;
    records[1].state = TRACE_TASK_BLOCKED;
    objects[7].shown.address = object(7);
    records[1].object = 7;
    reach(NULL, 0);
    for (uint32_t n = 1; n <= 3; n++)
        assert_int_equal(found(n), NOBODY);
}

/* Who can go on was looked up, but not the variables: they may lead to what nobody else does. */
static void too_much_beside_the_stacks(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    waits(3, 6);
    on_stack(1, object(6));
    modules.items[1].low = (uint64_t)memory_get(SEARCH_BYTES_MAX + 4096);
    modules.items[1].high = modules.items[1].low + SEARCH_BYTES_MAX + 4096;
    reach(NULL, 0);
    assert_int_equal(found(2), TRACE_TASK_REACHED);
    assert_int_equal(found(3), TRACE_TASK_REACHED_BY);
}

/* The runtime has parked it to help the collector, say, and will let it go on. */
static void parked_by_the_runtime(void **state)
{
    (void)state;
    for (uint32_t own = 0; own < 2; own++) {
        goroutine(1, TRACE_TASK_BLOCKED)->primitive = PRIMITIVE_go_park;
        records[1].flags = own ? TRACE_TASK_SYSTEM : 0;
        waits(2, 5);
        on_stack(1, object(5));
        reach(NULL, 0);
        assert_int_equal(found(2), own ? NOBODY : SOMEBODY);
    }
}

/* Who may be woken may wake others; two that wait for each other may not. */
static void woken(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    on_stack(1, object(5));
    waits(3, 5);
    on_stack(3, object(6));
    waits(2, 6);
    waits(4, 8);
    on_stack(4, object(9));
    waits(5, 9);
    on_stack(5, object(8));
    reach(NULL, 0);
    assert_int_equal(found(3), SOMEBODY);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(4), NOBODY);
    assert_int_equal(found(5), NOBODY);
}

/* A waiter in a channel's queue leads to its goroutine's channel; that is no way to it. */
static void of_the_runtime(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    heap[6][0] = (uint64_t)&gs[2];
    heap[6][1] = object(5);
    on_stack(1, object(6));
    reach(NULL, 0);
    assert_int_equal(found(2), NOBODY);
}

static void without_pointers(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    heap[OBJECTS - 1][0] = object(5);
    on_stack(1, object(OBJECTS - 1));
    reach(NULL, 0);
    assert_int_equal(found(2), NOBODY);
}

static void by_variable(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    waits(3, 6);
    waits(4, 7);
    variables_of_program[100] = object(5);
    on_stack(2, object(6)); /* it could be woken, and then ... */
    on_stack(1, object(7));
    reach(NULL, 0);
    assert_int_equal(found(2), VARIABLE);
    assert_int_equal(found(3), VARIABLE);
    assert_int_equal(found(4), SOMEBODY);
}

/* main has returned; a goroutine of the runtime serves nobody; one that has ended is no more. */
static void who_does_not_count(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 3; n++) {
        goroutine(n, n == 3 ? TRACE_TASK_ENDED : TRACE_TASK_RUNNING);
        on_stack(n, object(5));
    }
    records[2].flags = TRACE_TASK_SYSTEM;
    waits(4, 5);
    reach(&goroutines[1], 0);
    assert_int_equal(found(4), NOBODY);
}

/* Who ended the program, and has not returned: what is above its stack's end counts, no stale word below. Of others that run
 * the end is not known. */
static void how_far_a_stack_reaches(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        set_up(NULL);
        goroutine(1, TRACE_TASK_RUNNING);
        on_stack(1, object(5)); /* word 17 */
        gs[1].context[OWN_RSP_WORD] = (uint64_t)(stacks[1] + 20);
        waits(4, 5);
        if (i == 0)
            reach(NULL, 0);
        else
            reach(&goroutines[1], (uint64_t)(stacks[1] + (i == 1 ? 18 : 17)));
        assert_int_equal(found(4), i == 1 ? NOBODY : SOMEBODY);
    }
}

/* A wait that ends by itself, and one for a signal. */
static void goes_on_by_itself(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_BLOCKED)->flags = TRACE_TASK_TIMED;
    on_stack(1, object(5));
    waits(2, 5);
    waits(3, 6);
    objects[6].shown.flags = TRACE_OBJECT_SHARED;
    on_stack(3, object(7));
    waits(4, 7);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(4), SOMEBODY);
}

/* One case of a select is enough. */
static void by_select(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    on_stack(1, object(6));
    waits(2, 5);
    objects[6].shown.address = object(6);
    memcpy(lists.words, (uint64_t[]){0, 0, 2, 5 << 1, 6 << 1 | 1}, 40);
    records[2].object = 0;
    records[2].list = 2;
    waits(3, 7);
    memcpy(lists.words + 8, (uint64_t[]){1, 7 << 1}, 16);
    records[3].object = 0;
    records[3].list = 8;
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(3), NOBODY);
}

/* The thread that it ran on may have ended, and most of its stack with it. */
static void stack_gone(void **state)
{
    (void)state;
    uint64_t *rest = memory_get(3 * 4096);
    goroutine(1, TRACE_TASK_RUNNING);
    records[1].stack_low = (uint64_t)rest;
    records[1].stack_high = (uint64_t)rest + 3 * 4096;
    gs[1].context[OWN_RSP_WORD] = (uint64_t)rest;
    rest[2 * 512 + 7] = object(5);
    raw2(SYS_munmap, rest, 2 * 4096);
    waits(2, 5);
    waits(3, 6);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(3), NOBODY);
    raw2(SYS_munmap, rest + 2 * 512, 4096);
}

/* It goes on elsewhere, where nobody looks. */
static void stack_outgrown(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    gs[1].context[OWN_RSP_WORD] = (uint64_t)(stacks[2] + 1);
    waits(2, 5);
    reach(NULL, 0);
    assert_int_equal(found(2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nobody, set_up),
        cmocka_unit_test_setup(by_stack, set_up),
        cmocka_unit_test_setup(by_register, set_up),
        cmocka_unit_test_setup(by_thread, set_up),
        cmocka_unit_test_setup(by_call, set_up),
        cmocka_unit_test_setup(beside_the_stack, set_up),
        cmocka_unit_test_setup(not_halted, set_up),
        cmocka_unit_test_setup(made_again, set_up),
        cmocka_unit_test_setup(too_much_beside_the_stacks, set_up),
        cmocka_unit_test_setup(parked_by_the_runtime, set_up),
        cmocka_unit_test_setup(woken, set_up),
        cmocka_unit_test_setup(of_the_runtime, set_up),
        cmocka_unit_test_setup(without_pointers, set_up),
        cmocka_unit_test_setup(by_variable, set_up),
        cmocka_unit_test_setup(who_does_not_count, set_up),
        cmocka_unit_test_setup(how_far_a_stack_reaches, set_up),
        cmocka_unit_test_setup(goes_on_by_itself, set_up),
        cmocka_unit_test_setup(by_select, set_up),
        cmocka_unit_test_setup(stack_gone, set_up),
        cmocka_unit_test_setup(stack_outgrown, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
