/*
 * A thread that was cancelled before it asks for asynchronous cancellation, the first in the process to do so, ends there and
 * with its signals as they were; so do others that are cancelled while they ask.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "../order.h"

static int cleaned;

static void clean(void *unused)
{
    sigset_t mask;
    (void)unused;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    if (sigismember(&mask, SIGUSR1))
        return;
    __atomic_fetch_add(&cleaned, 1, __ATOMIC_RELAXED);
}

static void *thread(void *step)
{
    pthread_cleanup_push(clean, NULL);
    order_wait((int)(long)step);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (;;)
        __asm__ volatile("pause");
    pthread_cleanup_pop(1);
    return NULL;
}

int main(void)
{
    for (long step = 1; step <= 20; step++) {
        pthread_t cancelled;
        void *result;
        pthread_create(&cancelled, NULL, thread, (void *)step);
        if (step % 2) {
            pthread_cancel(cancelled);
            order_signal((int)step);
        } else {
            order_signal((int)step);
            pthread_cancel(cancelled);
        }
        pthread_join(cancelled, &result);
        if (result != PTHREAD_CANCELED)
            return 1;
    }
    printf("%d\n", cleaned);
    return cleaned != 20;
}
