/*
 * Transfers between accounts lock the source first: with two accounts in opposite directions that is a cycle, and only one finding however many accounts there are.
 *
 * EXPECT: deadlock @second @second [predicted]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static struct account {
    pthread_mutex_t lock;
    long balance;
} accounts[6];

static void transfer(struct account *from, struct account *to)
{
    pthread_mutex_lock(&from->lock);
    pthread_mutex_lock(&to->lock); /* @second */
    from->balance--;
    to->balance++;
    pthread_mutex_unlock(&to->lock);
    pthread_mutex_unlock(&from->lock);
}

static void *first(void *unused)
{
    for (int i = 0; i < 5; i++)
        transfer(&accounts[i], &accounts[i + 1]);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    for (int i = 0; i < 5; i++)
        transfer(&accounts[i + 1], &accounts[i]);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    for (int i = 0; i < 6; i++)
        pthread_mutex_init(&accounts[i].lock, NULL);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
