/*
 * Fibers that are begun by a context and from then on switched by siglongjmp; their thread ends on one of them; a context
 * that is copied; a fork within a fiber.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define COUNT 2

static __thread sigjmp_buf home, places[COUNT];
static __thread ucontext_t start, contexts[COUNT];
static __thread int visits;
static char stacks[2][COUNT][65536];
static int total[2], children;

static void fiber(int me)
{
    if (!sigsetjmp(places[me], 0))
        siglongjmp(home, 1);
    for (;;) {
        visits++;
        if (visits == 5 && !fork()) {
            visits++;
            _exit(3);
        }
        if (visits >= 10)
            pthread_exit(NULL);
        if (!sigsetjmp(places[me], 0))
            siglongjmp(places[1 - me], 1);
    }
}

static void done(void *sum)
{
    *(int *)sum = visits;
}

static void *work(void *number)
{
    int thread = *(int *)number;
    pthread_cleanup_push(done, &total[thread]);
    for (int i = 0; i < COUNT; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = stacks[thread][i];
        contexts[i].uc_stack.ss_size = sizeof stacks[thread][i];
        contexts[i].uc_link = NULL;
        makecontext(&contexts[i], (void (*)(void))fiber, 1, i);
        ucontext_t copy = contexts[i];
        copy.uc_mcontext.fpregs = contexts[i].uc_mcontext.fpregs;
        if (!sigsetjmp(home, 0))
            swapcontext(&start, &copy);
    }
    siglongjmp(places[0], 1);
    pthread_cleanup_pop(0);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1}, status;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    while (wait(&status) > 0)
        children += WEXITSTATUS(status) == 3;
    printf("%d %d %d\n", total[0], total[1], children);
    return 0;
}
