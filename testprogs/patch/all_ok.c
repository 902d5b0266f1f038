/*
 * The C library patched, too, in which every thread begins and ends, and which the recorder itself calls in the midst of a
 * check: whoever is made, joined, or gives a word by compare-and-swap is ordered; and repeated comparisons are as long as
 * they were.
 *
 * EXPECT: none
 * MODE: plain instrumented
 * ENV: GOROCHECK_OPTIONS=patch=all
 * TIMEOUT: 20
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../order.h"

#define THREADS 4

static char said[THREADS][64];
static char left[THREADS][256], right[256];
static atomic_int handed;
static int data, copy;

/* How many bytes were left when the first that differs had been compared. */
static long compare(const char *a, const char *b, long size)
{
    __asm__ volatile("repe cmpsb" : "+S"(a), "+D"(b), "+c"(size) : : "cc", "memory");
    return size;
}

static void *speak(void *number)
{
    long i = (long)number;
    char text[64];
    left[i][i] = 1;
    snprintf(text, sizeof(text), "%ld %ld %ld", i, compare(left[i], right, sizeof(right)),
             compare(left[i], right, 0));
    left[i][i] = 0;
    strcpy(said[i], text);
    return NULL; /* no block: the C library itself has a harmless race at a thread's first one */
}

static void *first(void *unused)
{
    data = 42;
    atomic_store_explicit(&handed, 5, memory_order_release);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    int expected = 0;
    order_wait(1);
    if (!atomic_compare_exchange_strong_explicit(&handed, &expected, 1, memory_order_acq_rel,
                                                 memory_order_acquire))
        copy = data;
    return unused;
}

int main(void)
{
    pthread_t threads[THREADS], a, b;
    for (int round = 0; round < 3; round++) {
        for (long i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, speak, (void *)i);
        for (long i = 0; i < THREADS; i++) {
            char expected[64];
            pthread_join(threads[i], NULL);
            snprintf(expected, sizeof(expected), "%ld %ld 0", i, (long)sizeof(right) - i - 1);
            if (strcmp(said[i], expected))
                return 1;
        }
    }
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return copy != 42;
}
