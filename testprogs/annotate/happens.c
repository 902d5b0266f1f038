/*
 * What lies beside an ignored range; data handed over by a flag that nothing tells of.
 *
 * EXPECT: race @give @take data
 * EXPECT: race @left @right lucky[3]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

static int data, guess, lucky[4];

static void *first(void *unused)
{
    data = 7;   /* @give */
    lucky[3]++; /* @left */
    gorocheck_ignore_begin();
    guess++;
    gorocheck_ignore_end();
    lucky[1]++;
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
    printf("%d\n", data); /* @take */
    lucky[3]++;           /* @right */
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
