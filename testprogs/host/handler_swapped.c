/*
 * A signal is ignored, put to its default and handled in turn, with SA_SIGINFO set all the while, as Go's runtime does,
 * and comes to other threads at any moment.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static atomic_int stop, came;

static void handler(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (number == SIGWINCH && info->si_signo == SIGWINCH)
        atomic_fetch_add(&came, 1);
}

static void set(void (*function)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = function, .sa_flags = SA_SIGINFO | SA_RESTART}, old;
    sigaction(SIGWINCH, &action, NULL);
    sigaction(SIGWINCH, NULL, &old);
    if (old.sa_sigaction != function || !(old.sa_flags & SA_SIGINFO))
        puts("not what was set");
}

static void *send(void *unused)
{
    while (!atomic_load(&stop))
        kill(getpid(), SIGWINCH);
    return unused;
}

static void *take(void *unused)
{
    while (!atomic_load(&stop))
        usleep(100);
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    set((void (*)(int, siginfo_t *, void *))SIG_IGN);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, i ? take : send, NULL);
    for (int i = 0; i < 300; i++) {
        set(handler);
        if (i % 100 == 0)
            usleep(1000);
        set((void (*)(int, siginfo_t *, void *))SIG_IGN);
        set((void (*)(int, siginfo_t *, void *))SIG_DFL);
    }
    set(handler);
    raise(SIGWINCH);
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    puts(atomic_load(&came) ? "came" : "never");
    return 0;
}
