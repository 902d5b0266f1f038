/*
 * A fiber that begins in one thread and is carried on by another one, which holds a lock of its own meanwhile.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <ucontext.h>

static pthread_mutex_t hand = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static ucontext_t first_self, second_self, fiber;
static char stack[65536];
static int given, rows;

static void travel(void)
{
    int here = 1;
    rows++;
    swapcontext(&fiber, &first_self);
    rows += here;
    setcontext(&second_self);
}

static void *first(void *unused)
{
    getcontext(&fiber);
    fiber.uc_stack.ss_sp = stack;
    fiber.uc_stack.ss_size = sizeof stack;
    fiber.uc_link = NULL;
    makecontext(&fiber, travel, 0);
    swapcontext(&first_self, &fiber);
    pthread_mutex_lock(&hand);
    given = 1;
    pthread_cond_signal(&ready);
    pthread_mutex_unlock(&hand);
    return unused;
}

static void *second(void *unused)
{
    pthread_mutex_lock(&hand);
    while (!given)
        pthread_cond_wait(&ready, &hand);
    pthread_mutex_unlock(&hand);
    pthread_rwlock_rdlock(&table);
    swapcontext(&second_self, &fiber);
    pthread_rwlock_unlock(&table);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d\n", rows);
    return 0;
}
