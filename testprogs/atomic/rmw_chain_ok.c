/*
 * Two releasing additions: who reads the second is after both.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../order.h"

static atomic_int arrived;
static int parts[2];
int sum;

static void *first(void *unused)
{
    parts[0] = 1;
    atomic_fetch_add_explicit(&arrived, 1, memory_order_release);
    return unused;
}

static void *second(void *unused)
{
    parts[1] = 2;
    atomic_fetch_add_explicit(&arrived, 1, memory_order_release);
    return unused;
}

static void *third(void *unused)
{
    while (atomic_load_explicit(&arrived, memory_order_acquire) != 2)
        ;
    sum = parts[0];
    order_signal(1);
    sum += parts[1];
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
