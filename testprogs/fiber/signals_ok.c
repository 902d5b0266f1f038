/*
 * Signals and fibers: a handler that runs on a fiber's stack, on one of its own (sigaltstack), and one that switches to
 * another fiber and returns when it is switched back to, as a scheduler does that takes the processor away.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>

static __thread ucontext_t home, fibers[2];
static __thread int turn, handled, apart, shared;
static char stacks[2][2][65536], handler_stacks[2][65536];
static int sums[2];

static void on_stack(int number)
{
    (void)number;
    handled++;
}

static void on_its_own(int number)
{
    (void)number;
    apart++;
}

/* Takes the processor from the one and gives it to the other. */
static void switches(int number)
{
    (void)number;
    int from = turn;
    turn = 1 - turn;
    swapcontext(&fibers[from], &fibers[1 - from]);
}

static void body(int me)
{
    (void)me;
    for (int i = 0; i < 20; i++) {
        shared++;
        raise(SIGUSR1);
        raise(SIGUSR2);
        raise(SIGRTMIN);
    }
    setcontext(&home);
}

static void *work(void *number)
{
    int thread = *(int *)number;
    stack_t apart_stack = {.ss_sp = handler_stacks[thread], .ss_size = sizeof handler_stacks[0]};
    sigaltstack(&apart_stack, NULL);
    for (int i = 0; i < 2; i++) {
        getcontext(&fibers[i]);
        fibers[i].uc_stack.ss_sp = stacks[thread][i];
        fibers[i].uc_stack.ss_size = sizeof stacks[thread][i];
        fibers[i].uc_link = NULL;
        makecontext(&fibers[i], (void (*)(void))body, 1, i);
    }
    turn = 0;
    swapcontext(&home, &fibers[0]);
    sums[thread] = shared + handled + apart;
    apart_stack.ss_flags = SS_DISABLE;
    sigaltstack(&apart_stack, NULL);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_stack}, NULL);
    sigaction(SIGUSR2, &(struct sigaction){.sa_handler = on_its_own, .sa_flags = SA_ONSTACK}, NULL);
    sigaction(SIGRTMIN, &(struct sigaction){.sa_handler = switches, .sa_flags = SA_NODEFER}, NULL);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d %d\n", sums[0], sums[1]);
    return 0;
}
