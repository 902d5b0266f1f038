/*
 * Parts of some work that wait for each other get done, with threads and where none can be had.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/crew.h"

/* The same source once more, on a system without threads. */
static int no_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                     void *argument)
{
    (void)thread;
    (void)attributes;
    (void)start;
    (void)argument;
    return EAGAIN;
}
void crew_run_alone(const struct crew *crew);
#define crew_run       crew_run_alone
#define pthread_create no_thread
#include "analyzer/crew.c"
#undef crew_run
#undef pthread_create

#define PARTS 5u
#define STEPS 1000u

struct work {
    atomic_uint steps[PARTS], ticks;
    unsigned count;
};

/* Nobody may be more than two steps ahead of the next part. */
static bool may_go_on(const struct work *work, unsigned part)
{
    unsigned next = atomic_load(&work->steps[(part + 1) % work->count]);
    return work->count == 1 || atomic_load(&work->steps[part]) < next + 2;
}

static bool do_part(void *data, unsigned part)
{
    struct work *work = data;
    while (atomic_load(&work->steps[part]) < STEPS) {
        if (!may_go_on(work, part))
            return false;
        atomic_fetch_add(&work->steps[part], 1);
    }
    return true;
}

static void wait_turn(void *data, unsigned part)
{
    while (!may_go_on(data, part))
        sched_yield();
}

static void tick(void *data)
{
    struct work *work = data;
    atomic_fetch_add(&work->ticks, 1);
}

static void parts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * PARTS * 2; i++) {
        struct work work = {.count = 1 + i / 4};
        struct crew crew = {.count = work.count,
                            .data = &work,
                            .work = do_part,
                            .wait = wait_turn,
                            .tick = i % 2 ? tick : NULL};
        if (i / 2 % 2)
            crew_run(&crew);
        else
            crew_run_alone(&crew);
        for (unsigned p = 0; p < work.count; p++)
            assert_int_equal(atomic_load(&work.steps[p]), STEPS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
