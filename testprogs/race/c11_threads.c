/*
 * Two C11 threads and a plain counter.
 *
 * EXPECT: race @bump @bump counter [proved]
 * MODE: instrumented patched
 */
#include <threads.h>

int counter;

static int bump(void *unused)
{
    counter++; /* @bump */
    return unused != NULL;
}

int main(void)
{
    thrd_t a, b;
    thrd_create(&a, bump, NULL);
    thrd_create(&b, bump, NULL);
    thrd_join(a, NULL);
    thrd_join(b, NULL);
    return 0;
}
