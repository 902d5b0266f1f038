/*
 * Who can go on when very many wait for one thing: the answers, and that they come at all. Tables
 * are made by hand; with a hundred thousand waiters what looks at all pairs of them takes minutes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyzer/memory.h"
#include "analyzer/wait.h"

#define MANY 100000u

enum { MAIN = 1, OTHER, FIRST }; /* tasks: main ended the program, FIRST and on wait */
enum { OBJECT = 1, MUTEX };

static struct trace *make(enum trace_object_kind kind, bool orderly)
{
    struct trace *trace = memory_get(1, sizeof(*trace));
    trace->task_count = FIRST + MANY;
    trace->tasks = memory_get(trace->task_count, sizeof(*trace->tasks));
    trace->object_count = 3;
    trace->objects = memory_get(trace->object_count, sizeof(*trace->objects));
    trace->process.end = orderly ? TRACE_END_EXIT : TRACE_END_SIGNAL;
    trace->process.end_task = MAIN;
    for (uint32_t t = MAIN; t < trace->task_count; t++) {
        trace->tasks[t].state = t < FIRST ? TRACE_TASK_RUNNING : TRACE_TASK_BLOCKED;
        trace->tasks[t].object = t < FIRST ? 0 : OBJECT;
        trace->tasks[t].object2 = t < FIRST || kind != TRACE_OBJECT_COND ? 0 : MUTEX;
        trace->tasks[t].since_tsc = t;
    }
    for (uint32_t i = OBJECT; i <= MUTEX; i++) {
        trace->objects[i].state = TRACE_OBJECT_LIVE;
        trace->objects[i].address = 0x1000 * i;
        trace->objects[i].create_task = MAIN;
    }
    trace->objects[OBJECT].kind = (uint8_t)kind;
    trace->objects[MUTEX].kind = TRACE_OBJECT_MUTEX;
    if (kind == TRACE_OBJECT_COND)
        trace->objects[OBJECT].mutex = MUTEX;
    return trace;
}

static void check(struct trace *trace, bool stuck, bool sure)
{
    struct wait_graph *graph = wait_build(trace);
    for (uint32_t t = FIRST; t < trace->task_count; t++) {
        assert_int_equal(graph->waits[t].stuck, stuck);
        assert_int_equal(graph->waits[t].sure, sure);
    }
    wait_free(graph);
    free(trace->tasks);
    free(trace->objects);
    free(trace);
}

/* Workers for which there never was any work, unless somebody else knows of the condition too. */
static void condition(void **state)
{
    (void)state;
    struct trace *trace = make(TRACE_OBJECT_COND, true);
    trace->tasks[OTHER].state = TRACE_TASK_ENDED;
    check(trace, false, false);
    trace = make(TRACE_OBJECT_COND, true);
    trace->tasks[OTHER].state = TRACE_TASK_ENDED;
    trace->objects[MUTEX].last_owner = OTHER;
    check(trace, true, false);
    trace = make(TRACE_OBJECT_COND, false);
    trace->tasks[MAIN].state = trace->tasks[OTHER].state = TRACE_TASK_ENDED;
    check(trace, true, true);
}

/* A signal came after all had begun to wait, and is for one of them. */
static void signalled(void **state)
{
    (void)state;
    struct trace *trace = make(TRACE_OBJECT_COND, true);
    struct trace_object *object = &trace->objects[OBJECT];
    object->posts = 1;
    object->last_post_task = OTHER;
    object->last_post_tsc = MANY * 2;
    object->value = MANY - 1; /* are still to be signalled */
    trace->tasks[OTHER].state = TRACE_TASK_ENDED;
    check(trace, false, false);
    trace = make(TRACE_OBJECT_COND, true);
    object = &trace->objects[OBJECT];
    object->posts = 1;
    object->last_post_task = OTHER;
    object->last_post_tsc = MANY * 2;
    object->value = MANY;
    trace->tasks[OTHER].state = TRACE_TASK_ENDED;
    check(trace, true, false);
}

/* A message queue: whose sender has gone; which others may open, told of or not; whose message has come. */
static void queue(void **state)
{
    (void)state;
    const struct {
        uint32_t flags, name, posts, ready;
        bool stuck;
    } cases[] = {
        {TRACE_OBJECT_INIT_SEEN, TRACE_NAME_NEVER, 1, 0, true},
        {TRACE_OBJECT_INIT_SEEN, TRACE_NAME_BEFORE, 1, 0, true},
        {TRACE_OBJECT_INIT_SEEN, TRACE_NAME_NOW, 1, 0, true},
        {TRACE_OBJECT_INIT_SEEN, TRACE_NAME_NOW, 0, 0, false},
        {TRACE_OBJECT_INIT_SEEN | TRACE_OBJECT_SHARED, TRACE_NAME_NEVER, 1, 0, false},
        {0, TRACE_NAME_NEVER, 1, 0, false},
        {TRACE_OBJECT_INIT_SEEN, TRACE_NAME_NEVER, 1, TRACE_TASK_READY, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trace *trace = make(TRACE_OBJECT_QUEUE, true);
        struct trace_object *object = &trace->objects[OBJECT];
        object->flags = cases[i].flags;
        object->value = cases[i].name;
        object->posts = cases[i].posts;
        object->last_post_task = cases[i].posts ? OTHER : 0;
        trace->tasks[OTHER].state = TRACE_TASK_ENDED;
        for (uint32_t t = FIRST; t < trace->task_count; t++) {
            trace->tasks[t].primitive = PRIMITIVE_mq_receive;
            trace->tasks[t].flags = cases[i].ready;
        }
        check(trace, cases[i].stuck, false);
    }
}

/* A wait in poll for a pipe of our own is by design while anything goes on at all. */
static void polled(void **state)
{
    (void)state;
    for (int ended = 0; ended < 2; ended++) {
        struct trace *trace = make(TRACE_OBJECT_PIPE, false);
        trace->objects[OBJECT].flags = TRACE_OBJECT_INIT_SEEN;
        for (uint32_t t = MAIN; t < trace->task_count; t++) {
            trace->tasks[t].primitive = t < FIRST ? 0 : PRIMITIVE_poll;
            if (ended && t < FIRST)
                trace->tasks[t].state = TRACE_TASK_ENDED;
        }
        check(trace, ended, ended);
    }
}

/* So it is as long as who has written to it goes on, and nothing known of another. */
static void poll_end_stuck(void **state)
{
    (void)state;
    for (int stuck = 0; stuck < 2; stuck++) {
        struct trace *trace = make(TRACE_OBJECT_PIPE, true);
        trace->objects[OBJECT].flags = TRACE_OBJECT_INIT_SEEN;
        trace->objects[OBJECT].create_task = trace->objects[OBJECT].last_post_task = OTHER;
        for (uint32_t t = FIRST; t < trace->task_count; t++)
            trace->tasks[t].primitive = PRIMITIVE_poll;
        if (stuck) { /* joins one of them */
            struct trace_task *other = &trace->tasks[OTHER];
            other->state = TRACE_TASK_BLOCKED;
            other->primitive = PRIMITIVE_pthread_join;
            other->object = MUTEX;
            trace->objects[MUTEX].kind = TRACE_OBJECT_TASK;
            other->wait_value = FIRST;
        }
        check(trace, stuck, false);
    }
}

/* All wait at a barrier but one: whether that can still come. */
static void barrier(void **state)
{
    (void)state;
    for (int ended = 0; ended < 2; ended++) {
        struct trace *trace = make(TRACE_OBJECT_BARRIER, true);
        trace->objects[OBJECT].value = MANY + 1;
        if (ended)
            trace->tasks[OTHER].state = TRACE_TASK_ENDED;
        check(trace, ended, ended);
    }
}

/* The last of those that want to write still holds the lock as a reader; then one that runs. */
static void readers(void **state)
{
    (void)state;
    struct trace *trace = make(TRACE_OBJECT_RWLOCK, false);
    struct trace_task *last = &trace->tasks[trace->task_count - 1];
    trace->objects[OBJECT].readers = 1;
    last->held[0] = (struct trace_held){.object = OBJECT, .mode = TRACE_MODE_SHARED};
    last->held_count = 1;
    check(trace, true, true);
    trace = make(TRACE_OBJECT_RWLOCK, false);
    trace->objects[OBJECT].readers = 1;
    check(trace, false, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(condition), cmocka_unit_test(signalled),      cmocka_unit_test(queue),
        cmocka_unit_test(polled),    cmocka_unit_test(poll_end_stuck), cmocka_unit_test(barrier),
        cmocka_unit_test(readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
