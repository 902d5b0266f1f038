/*
 * Ten threads one after the other.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

int counter;

static void *bump(void *unused)
{
    counter++;
    return unused;
}

int main(void)
{
    pthread_t threads[10];
    for (int i = 0; i < 10; i++) {
        pthread_create(&threads[i], NULL, bump, NULL);
        pthread_join(threads[i], NULL);
    }
    return 0;
}
