/*
 * A volatile flag: the source does not say what order is meant. One suspected finding, which names what the
 * flag may order.
 *
 * EXPECT: race @raise @look ready [suspected]
 * MODE: patched
 * ONLY: it is about what machine code leaves open; race/volatile_flag.c is for both
 */
#include <pthread.h>

static volatile int ready;
int data[8], copy;

static void *first(void *unused)
{
    for (int i = 0; i < 8; i++)
        data[i] = i;
    ready = 1; /* @raise */
    return unused;
}

static void *second(void *unused)
{
    while (!ready) /* @look */
        ;
    for (int i = 0; i < 8; i++)
        copy += data[i];
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
