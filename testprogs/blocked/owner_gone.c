/*
 * A thread ends by pthread_exit without giving its mutex back; another one waits for it.
 *
 * EXPECT: misuse @take exit-holding [proved]
 * EXPECT: blocked @wait state [proved]
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;

static void *owner(void *unused)
{
    pthread_mutex_lock(&state); /* @take */
    pthread_exit(unused);
}

static void *waiter(void *unused)
{
    order_block(1);
    pthread_mutex_lock(&state); /* @wait */
    pthread_mutex_unlock(&state);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, owner, NULL);
    pthread_join(a, NULL);
    pthread_create(&b, NULL, waiter, NULL);
    order_blocked(1);
    return 0;
}
