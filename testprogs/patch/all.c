/*
 * The C library patched, too: a race within it, on the place that strtok keeps, is found where the program called it.
 *
 * EXPECT: race @first @second [suspected]
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=all
 * ONLY: it is about patching the C library
 * TIMEOUT: 20
 */
#include <pthread.h>
#include <string.h>

#include "../order.h"

static char mine[] = "one two", other[] = "three four";

static void *first(void *unused)
{
    strtok(mine, " "); /* @first */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    strtok(other, " "); /* @second */
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
