/*
 * What a thread begins with: pthread_setattr_default_np says that threads made without attributes, C11's too, have a mask of
 * signals of their own, are detached, and have little stack; and one that is made while its maker is being cancelled can be
 * cancelled itself.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

static sem_t done;
static pthread_t late;

static int as_expected;

static void *look(void *expected)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    bool own = !strcmp(expected, "own");
    as_expected += sigismember(&mask, SIGHUP) == own && sigismember(&mask, SIGUSR1) == !own;
    sem_post(&done);
    return NULL;
}

static int look_c11(void *expected)
{
    look(expected);
    return 0;
}

static void by_defaults(void)
{
    sigset_t mask;
    pthread_attr_t defaults, before;
    pthread_t thread;
    thrd_t other;
    pthread_getattr_default_np(&before);
    pthread_attr_init(&defaults);
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    pthread_attr_setsigmask_np(&defaults, &mask);
    pthread_attr_setdetachstate(&defaults, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&defaults, PTHREAD_STACK_MIN);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    if (pthread_setattr_default_np(&defaults))
        puts("failed");
    pthread_create(&thread, NULL, look, "own");
    sem_wait(&done);
    thrd_create(&other, look_c11, "own");
    sem_wait(&done);
    if (pthread_setattr_default_np(&before))
        puts("failed");
    pthread_create(&thread, NULL, look, "inherited");
    sem_wait(&done);
    pthread_join(thread, NULL);
    printf("%d\n", as_expected);
    pthread_attr_destroy(&defaults);
    pthread_attr_destroy(&before);
}

static void *wait_to_be_cancelled(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void clean(void *unused)
{
    (void)unused;
    pthread_create(&late, NULL, wait_to_be_cancelled, NULL);
}

static void *run_to_be_cancelled(void *unused)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    pthread_cleanup_push(clean, NULL);
    sem_post(&done);
    for (;;)
        __asm__ volatile("" : : : "memory");
    pthread_cleanup_pop(0);
    return unused;
}

int main(void)
{
    sem_init(&done, 0, 0);
    by_defaults();
    pthread_t thread;
    void *how;
    pthread_create(&thread, NULL, run_to_be_cancelled, NULL);
    sem_wait(&done);
    pthread_cancel(thread);
    pthread_join(thread, &how);
    printf("%d\n", how == PTHREAD_CANCELED);
    pthread_cancel(late);
    pthread_join(late, &how);
    printf("%d\n", how == PTHREAD_CANCELED);
    return 0;
}
