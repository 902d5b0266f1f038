/*
 * Opposite orders of two spin locks.
 *
 * EXPECT: deadlock @a_wants @b_wants [predicted]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_spinlock_t alpha, beta;

static void *first(void *unused)
{
    pthread_spin_lock(&alpha);
    pthread_spin_lock(&beta); /* @a_wants */
    pthread_spin_unlock(&beta);
    pthread_spin_unlock(&alpha);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    pthread_spin_lock(&beta);
    pthread_spin_lock(&alpha); /* @b_wants */
    pthread_spin_unlock(&alpha);
    pthread_spin_unlock(&beta);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_spin_init(&alpha, 0);
    pthread_spin_init(&beta, 0);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
