/*
 * User-level contexts switch stacks under the recorder.
 *
 * EXPECT: none
 * MODE: plain instrumented clang patched
 */
#include <pthread.h>
#include <stdio.h>
#include <ucontext.h>

static ucontext_t main_context, fibers[2];
static char stacks[2][65536];
static int steps;

__attribute__((noinline)) static void step(int me, int depth)
{
    if (depth) {
        step(me, depth - 1);
        __asm__ volatile("");
        return;
    }
    steps++;
    swapcontext(&fibers[me], &fibers[1 - me]);
}

static void run(int me)
{
    for (int i = 0; i < 100; i++)
        step(me, i % 7 + me);
}

static void *work(void *unused)
{
    for (int i = 0; i < 2; i++) {
        getcontext(&fibers[i]);
        fibers[i].uc_stack.ss_sp = stacks[i];
        fibers[i].uc_stack.ss_size = sizeof(stacks[i]);
        fibers[i].uc_link = &main_context;
        makecontext(&fibers[i], (void (*)(void))run, 1, i);
    }
    swapcontext(&main_context, &fibers[0]);
    return unused;
}

int main(void)
{
    pthread_t thread;
    work(NULL);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    printf("%d\n", steps);
    return 0;
}
