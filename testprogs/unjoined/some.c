/*
 * Two of three threads are joined.
 *
 * EXPECT: unjoined @create work [proved]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static void *work(void *argument)
{
    order_signal((int)(long)argument);
    return NULL;
}

int main(void)
{
    pthread_t a, b, c;
    pthread_create(&a, NULL, work, (void *)1);
    pthread_create(&b, NULL, work, (void *)2); /* @create */
    pthread_create(&c, NULL, work, (void *)3);
    pthread_join(a, NULL);
    pthread_join(c, NULL);
    order_gone(2);
    return 0;
}
