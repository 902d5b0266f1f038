/*
 * longjmp and _longjmp within a fiber, and out of one into another and back, over frames that hold a lock no more.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <ucontext.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int counter;

struct run {
    ucontext_t home, fibers[2];
    jmp_buf inner, places[2];
    int visits, retries;
};

static __attribute__((noinline)) void fails(struct run *run, int depth)
{
    if (depth) {
        fails(run, depth - 1);
        return;
    }
    run->retries++;
    _longjmp(run->inner, 1);
}

static void body(struct run *run, int me)
{
    for (volatile int i = 0; i < 3; i++) {
        if (!_setjmp(run->inner))
            fails(run, 10);
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
        run->visits++;
        if (!_setjmp(run->places[me])) {
            if (run->visits <= 1) /* the other one has not begun yet */
                swapcontext(&run->fibers[me], &run->fibers[1 - me]);
            else
                longjmp(run->places[1 - me], 1);
        }
    }
    setcontext(&run->home);
}

static void *work(void *unused)
{
    static __thread char stacks[2][65536];
    struct run run = {.visits = 0};
    for (int i = 0; i < 2; i++) {
        getcontext(&run.fibers[i]);
        run.fibers[i].uc_stack.ss_sp = stacks[i];
        run.fibers[i].uc_stack.ss_size = sizeof stacks[i];
        run.fibers[i].uc_link = NULL;
        makecontext(&run.fibers[i], (void (*)(void))body, 2, &run, i);
    }
    swapcontext(&run.home, &run.fibers[0]);
    pthread_mutex_lock(&lock);
    counter += run.retries;
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", counter);
    return 0;
}
