/*
 * Of two hundred locks that a thread held at a time, more than are remembered one by one, it leaves with one.
 *
 * EXPECT: misuse @take exit-holding [proved]
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>

enum { HELD = 200, FIRST = 3 };
static pthread_mutex_t held[HELD];

static void *hold(void *unused)
{
    for (int i = 0; i < HELD; i++)
        pthread_mutex_lock(&held[i]); /* @take */
    for (int i = 0; i < HELD; i++)
        if (i != FIRST)
            pthread_mutex_unlock(&held[i]);
    return unused;
}

int main(void)
{
    pthread_t thread;
    for (int i = 0; i < HELD; i++)
        pthread_mutex_init(&held[i], NULL);
    pthread_create(&thread, NULL, hold, NULL);
    pthread_join(thread, NULL);
    printf("%d\n", pthread_mutex_trylock(&held[FIRST]) != 0);
    return 0;
}
