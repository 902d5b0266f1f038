/*
 * A queued lock whose nodes are thread-local variables: its owner waits at its own node, relative to fs, and who gives the
 * lock away stores there by an address. What the lock guards does not race.
 *
 * EXPECT: race @wait @give [suspected]
 * MODE: patched
 * ONLY: a load relative to fs; the compiler says that the flag is atomic
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static struct node {
    atomic_bool waits;
} * _Atomic other;
static _Thread_local struct node own;
static char data[64];

static void *second(void *unused)
{
    atomic_store_explicit(&own.waits, 1, memory_order_relaxed); /* before anybody knows it */
    atomic_exchange(&other, &own);
    while (atomic_load_explicit(&own.waits, memory_order_acquire)) /* @wait */
        sched_yield();
    return data[0] == 1 && data[63] == 1 ? unused : data;
}

int main(void)
{
    pthread_t thread;
    struct node *waiter;
    void *bad;
    pthread_create(&thread, NULL, second, NULL);
    while (!(waiter = atomic_load(&other)))
        sched_yield();
    memset(data, 1, sizeof data);
    atomic_store_explicit(&waiter->waits, 0, memory_order_release); /* @give */
    pthread_join(thread, &bad);
    return bad != NULL;
}
