/*
 * A fiber of each of two threads bumps a plain counter.
 *
 * EXPECT: race @bump @bump counter
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdio.h>
#include <ucontext.h>

#include "../order.h"

static int counter;

static void bump(void)
{
    counter++; /* @bump */
}

static void *work(void *step)
{
    static __thread char stack[65536];
    ucontext_t self, fiber;
    order_wait(*(int *)step);
    getcontext(&fiber);
    fiber.uc_stack.ss_sp = stack;
    fiber.uc_stack.ss_size = sizeof stack;
    fiber.uc_link = &self;
    makecontext(&fiber, bump, 0);
    swapcontext(&self, &fiber);
    order_signal(*(int *)step + 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int steps[2] = {1, 2};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &steps[i]);
    order_signal(1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", counter);
    return 0;
}
