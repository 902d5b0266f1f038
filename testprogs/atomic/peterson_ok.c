/*
 * Peterson's lock with sequentially consistent atomics.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdatomic.h>

static atomic_int wants[2], turn;
long total;

static void *work(void *argument)
{
    int me = argument ? 1 : 0;
    for (int i = 0; i < 200; i++) {
        wants[me] = 1;
        turn = 1 - me;
        while (wants[1 - me] && turn != me)
            ;
        total++;
        wants[me] = 0;
    }
    return NULL;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, &total);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return total != 400;
}
