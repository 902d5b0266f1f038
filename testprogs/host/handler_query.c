/*
 * The program sees its own handlers, flags and masks, and nobody else's.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* sigset */

static void *nothing(void *unused)
{
    return unused;
}

static void handler(int number)
{
    (void)number;
}

static void handler_info(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
}

int main(void)
{
    int bad = 0;
    pthread_t thread;
    struct sigaction old,
        action = {.sa_sigaction = handler_info, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigset_t mask;
    for (int number = 1; number < NSIG; number++) {
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN))
            continue;
        sigaction(number, NULL, &old);
        bad += old.sa_handler != SIG_DFL && number != SIGPIPE;
    }
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR1, NULL, &old);
    bad += old.sa_sigaction != handler_info || !(old.sa_flags & SA_NODEFER) ||
           !sigismember(&old.sa_mask, SIGUSR2);
    bad += signal(SIGUSR2, handler) != SIG_DFL;
    bad += signal(SIGUSR2, SIG_IGN) != handler;
    bad += signal(SIGUSR2, SIG_DFL) != SIG_IGN;
    bad += signal(SIGKILL, handler) != SIG_ERR;
    bad += sigset(SIGUSR2, handler) != SIG_DFL;
    bad += signal(SIGUSR2, handler) != handler;
    bad += sigset(SIGUSR2, SIG_HOLD) != handler;
    bad += sigset(SIGUSR2, SIG_DFL) != SIG_HOLD;
    bad += sigset(SIGKILL, handler) != SIG_ERR;
    action.sa_flags = SA_SIGINFO | (int)SA_RESETHAND;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    bad += old.sa_handler != SIG_DFL;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < 32; number++)
        bad += sigismember(&mask, number);
    pthread_create(&thread, NULL, nothing, NULL);
    pthread_join(thread, NULL);
    printf("%d\n", bad);
    return 0;
}
