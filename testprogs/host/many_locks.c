/*
 * A thread holds two hundred locks at a time; another one makes and destroys fifty thousand.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { HELD = 200, MADE = 50000 };
static pthread_mutex_t held[HELD];
static int total;

static void *hold(void *unused)
{
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < HELD; i++)
            pthread_mutex_lock(&held[i]);
        total++;
        for (int i = HELD - 1; i >= 0; i--)
            pthread_mutex_unlock(&held[i]);
    }
    return unused;
}

static void *make(void *unused)
{
    for (int i = 0; i < MADE; i++) {
        pthread_mutex_t *lock = malloc(sizeof(*lock));
        pthread_mutex_init(lock, NULL);
        pthread_mutex_lock(lock);
        pthread_mutex_unlock(lock);
        pthread_mutex_destroy(lock);
        free(lock);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    for (int i = 0; i < HELD; i++)
        pthread_mutex_init(&held[i], NULL);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, i ? hold : make, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", total);
    return 0;
}
