/*
 * Clocks of channels against Go's memory model: who knows what of whom after sends, receives and closes. Several tasks are
 * played by one thread, step by step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/access_state.h"
#include "shim/channel.c"
#include "shim/clock.c"

#include "shim/clock_model.h"

static struct object *channel_new(uint64_t capacity)
{
    struct object *object = object_get(NULL, 0x1000, TRACE_OBJECT_CHANNEL);
    assert_non_null(channel_get(object, capacity));
    return object;
}

static void put(uint32_t task, struct object *object)
{
    as(task);
    channel_sent(thread_current, object, 0);
}

static void get(uint32_t task, struct object *object)
{
    as(task);
    channel_received(thread_current, object, 0);
}

static struct clock_pair now(uint32_t task)
{
    return (struct clock_pair){.task = task, .segment = threads[task].segment};
}

static void learn_pair(uint32_t task, struct object *object, struct clock_pair pair)
{
    as(task);
    clock_learn(thread_current, &pair, 1, object, 0);
}

/* A send is before the receive that takes its value, and only before that one. */
static void test_send_before_receive(void **state)
{
    (void)state;
    struct object *object = channel_new(2);
    put(1, object);
    put(2, object);
    get(3, object);
    assert_true(knows(3, 1) > 0);
    assert_int_equal(knows(3, 2), 0);
    get(4, object);
    assert_true(knows(4, 2) > 0);
    assert_int_equal(knows(4, 1), 0);
    assert_int_equal(object->shown.posts, 2);
    assert_int_equal(object->shown.unheard, 2);
}

/* The k-th receive is before the (k+C)-th send completes. */
static void test_receive_before_later_send(void **state)
{
    (void)state;
    struct object *object = channel_new(2);
    put(1, object);
    put(1, object);
    get(2, object);
    put(3, object);
    assert_true(knows(3, 2) > 0);
    get(4, object);
    put(5, object);
    assert_true(knows(5, 4) > 0);
    assert_int_equal(knows(5, 3), 0);
}

/* Unbuffered: both are after each other's past, neither after the other's future. */
static void test_hand_over(void **state)
{
    (void)state;
    struct object *object = channel_new(0);
    as(1);
    struct clock_pair theirs = now(2), ours = channel_give(thread_current, object, theirs, 0);
    assert_true(knows(1, 2) >= theirs.segment);
    assert_true(threads[1].segment > ours.segment);
    learn_pair(2, object, ours);
    assert_true(knows(2, 1) >= ours.segment);
}

/* A full buffer: the receiver takes the oldest value; the waiting sender's goes into its place, after the receive. */
static void test_take_from_waiting_sender(void **state)
{
    (void)state;
    struct object *object = channel_new(1);
    put(1, object);
    as(2);
    struct clock_pair sender = now(3), ours = channel_take(thread_current, object, sender, 0);
    assert_true(knows(2, 1) > 0);
    assert_int_equal(knows(2, 3), 0);
    learn_pair(3, object, ours);
    assert_true(knows(3, 2) > 0);
    get(4, object);
    assert_true(knows(4, 3) >= sender.segment);
}

/* A value given to a waiting receiver counts as one that passed through the buffer. */
static void test_give_to_waiting_receiver(void **state)
{
    (void)state;
    struct object *object = channel_new(1);
    as(1);
    struct clock_pair receiver = now(2), ours = channel_give(thread_current, object, receiver, 0);
    learn_pair(2, object, ours);
    assert_true(knows(2, 1) >= ours.segment);
    put(3, object);
    assert_true(knows(3, 2) >= receiver.segment);
}

static void test_close(void **state)
{
    (void)state;
    struct object *object = channel_new(0);
    as(1);
    channel_close(thread_current, object);
    as(2);
    channel_saw_close(thread_current, object, 0);
    assert_true(knows(2, 1) > 0);
    uint64_t first = object_private(object)->channel->closed.segment;
    as(3);
    channel_close(thread_current, object);
    assert_int_equal(object_private(object)->channel->closed.segment, first);
}

/* The memory of a channel that is no more serves another, without what it knew. */
static void test_memory_again(void **state)
{
    (void)state;
    struct object *object = channel_new(3);
    put(1, object);
    struct channel *first = object_private(object)->channel;
    channel_drop(object);
    assert_null(object_private(object)->channel);
    assert_ptr_equal(channel_get(object, 4), first);
    assert_int_equal(first->sends, 0);
    assert_int_equal(first->slots[0].task, 0);
    get(2, object);
    assert_int_equal(knows(2, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_send_before_receive, begin),
        cmocka_unit_test_setup(test_receive_before_later_send, begin),
        cmocka_unit_test_setup(test_hand_over, begin),
        cmocka_unit_test_setup(test_take_from_waiting_sender, begin),
        cmocka_unit_test_setup(test_give_to_waiting_receiver, begin),
        cmocka_unit_test_setup(test_close, begin),
        cmocka_unit_test_setup(test_memory_again, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
