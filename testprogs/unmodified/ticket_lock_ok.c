/*
 * A ticket lock: LOCK xadd draws a number, plain loads wait for it, a plain store calls the next one.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static atomic_uint next, serving;
static int count[16];

static void take(void)
{
    unsigned mine = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
    while (atomic_load_explicit(&serving, memory_order_acquire) != mine)
        sched_yield();
}

static void give(void)
{
    unsigned now = atomic_load_explicit(&serving, memory_order_relaxed);
    atomic_store_explicit(&serving, now + 1, memory_order_release);
}

static void *first(void *unused)
{
    for (int i = 0; i < 50; i++) {
        take();
        count[i % 16]++;
        give();
    }
    return unused;
}

static void *second(void *unused)
{
    return first(unused);
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
