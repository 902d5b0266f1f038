/*
 * volatile is not synchronisation: neither the flag nor what it announces is ordered.
 *
 * EXPECT: race @set @poll ready [proved]
 * EXPECT: race @fill @use data [proved]
 * PATCHED: race @set @poll [suspected]
 * MODE: instrumented clang patched
 * ONLY: machine code alone does not tell a volatile flag from an atomic one: one suspected finding
 */
#include <pthread.h>

volatile int ready;
int data;
int copy;

static void *first(void *unused)
{
    data = 42; /* @fill */
    ready = 1; /* @set */
    return unused;
}

static void *second(void *unused)
{
    while (!ready) /* @poll */
        ;
    copy = data; /* @use */
    return unused;
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
