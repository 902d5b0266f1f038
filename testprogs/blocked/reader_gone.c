/*
 * A thread ends with a lock held for reading; another one wants to write.
 *
 * EXPECT: misuse @take exit-holding [proved]
 * EXPECT: blocked @wait state [proved]
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static pthread_rwlock_t state = PTHREAD_RWLOCK_INITIALIZER;

static void *reader(void *unused)
{
    pthread_rwlock_rdlock(&state); /* @take */
    return unused;
}

static void *writer(void *unused)
{
    order_block(1);
    pthread_rwlock_wrlock(&state); /* @wait */
    pthread_rwlock_unlock(&state);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, reader, NULL);
    pthread_join(a, NULL);
    pthread_create(&b, NULL, writer, NULL);
    order_blocked(1);
    return 0;
}
