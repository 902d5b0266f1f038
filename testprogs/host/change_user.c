/*
 * Threads are made while others change the user, to the one it is: setuid has each thread do so by a signal, and waits for it
 * with a lock that pthread_create needs.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { CHANGERS = 3, MADE = 100 };

static atomic_int stop;

static void *change(void *unused)
{
    while (!stop)
        if (setuid(getuid()))
            puts("failed");
    return unused;
}

static void *cancellable(void *unused)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL); /* the recorder makes a thread here */
    return unused;
}

int main(void)
{
    pthread_t changers[CHANGERS], thread;
    for (int i = 0; i < CHANGERS; i++)
        pthread_create(&changers[i], NULL, change, NULL);
    for (int i = 0; i < MADE; i++) {
        if (pthread_create(&thread, NULL, cancellable, NULL) || pthread_join(thread, NULL))
            puts("failed");
    }
    stop = 1;
    for (int i = 0; i < CHANGERS; i++)
        pthread_join(changers[i], NULL);
    return 0;
}
