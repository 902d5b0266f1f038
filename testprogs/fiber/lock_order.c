/*
 * Fibers of two threads lock two mutexes in both orders, though never at the same time. A lock that one fiber holds while
 * another one of its thread locks is not held by that one: c and d are in no order.
 *
 * EXPECT: deadlock @ab @ba [predicted]
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>
#include <ucontext.h>

#include "../order.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER,
                       c = PTHREAD_MUTEX_INITIALIZER, d = PTHREAD_MUTEX_INITIALIZER;
static int counter;

struct carrier {
    ucontext_t home, fibers[2];
    int number;
};

static void both(struct carrier *carrier)
{
    if (carrier->number == 0) {
        pthread_mutex_lock(&a);
        pthread_mutex_lock(&b); /* @ab */
    } else {
        pthread_mutex_lock(&b);
        pthread_mutex_lock(&a); /* @ba */
    }
    counter++;
    pthread_mutex_unlock(&a);
    pthread_mutex_unlock(&b);
}

static void first(struct carrier *carrier)
{
    pthread_mutex_t *mine = carrier->number ? &c : &d;
    both(carrier);
    pthread_mutex_lock(mine);
    swapcontext(&carrier->fibers[0], &carrier->fibers[1]);
    pthread_mutex_unlock(mine);
}

static void second(struct carrier *carrier)
{
    pthread_mutex_t *other = carrier->number ? &d : &c;
    pthread_mutex_lock(other);
    pthread_mutex_unlock(other);
    setcontext(&carrier->fibers[0]);
}

static void *work(void *number)
{
    static __thread char stacks[2][65536];
    void (*const works[])(struct carrier *) = {first, second};
    struct carrier carrier = {.number = *(int *)number};
    if (carrier.number)
        order_wait(1);
    for (int i = 0; i < 2; i++) {
        getcontext(&carrier.fibers[i]);
        carrier.fibers[i].uc_stack.ss_sp = stacks[i];
        carrier.fibers[i].uc_stack.ss_size = sizeof stacks[i];
        carrier.fibers[i].uc_link = &carrier.home;
        makecontext(&carrier.fibers[i], (void (*)(void))works[i], 1, &carrier);
    }
    swapcontext(&carrier.home, &carrier.fibers[0]);
    order_signal(1);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", counter);
    return 0;
}
