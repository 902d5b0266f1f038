/*
 * Data handed over by a flag that nothing can see, the order told of; a racy counter that is meant to be; a range of them.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

static int data, guess, lucky[4];

static void *first(void *unused)
{
    data = 7;
    gorocheck_ignore_begin();
    guess++;
    gorocheck_ignore_end();
    lucky[1]++;
    gorocheck_happens_before(&data);
    order_signal(1);
    lucky[2]++;
    return unused;
}

static void *second(void *unused)
{
    lucky[2]++;
    lucky[1]++;
    guess++;
    order_wait(1);
    gorocheck_happens_after(&data);
    printf("%d\n", data);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    gorocheck_ignore_range(&lucky[1], 2 * sizeof lucky[1]);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d\n", guess + lucky[1] + lucky[2] > 2);
    return 0;
}
