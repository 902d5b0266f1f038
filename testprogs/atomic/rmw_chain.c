/*
 * Two relaxed additions: who sees both is after neither.
 *
 * EXPECT: race @one @sum_one parts[0] [proved]
 * EXPECT: race @two @sum_two parts[1] [proved]
 * PATCHED: none
 * MODE: instrumented patched
 * ONLY: stores and loads of all orders are the same instructions on x86-64: only the compiler knows that this one was relaxed
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../order.h"

static atomic_int arrived;
static int parts[2];
int sum;

static void *first(void *unused)
{
    parts[0] = 1; /* @one */
    atomic_fetch_add_explicit(&arrived, 1, memory_order_relaxed);
    return unused;
}

static void *second(void *unused)
{
    parts[1] = 2; /* @two */
    atomic_fetch_add_explicit(&arrived, 1, memory_order_relaxed);
    return unused;
}

static void *third(void *unused)
{
    while (atomic_load_explicit(&arrived, memory_order_acquire) != 2)
        ;
    sum = parts[0]; /* @sum_one */
    order_signal(1);
    sum += parts[1]; /* @sum_two */
    return unused;
}

int main(void)
{
    pthread_t a, b, c;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_create(&c, NULL, third, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    pthread_join(c, NULL);
    return 0;
}
