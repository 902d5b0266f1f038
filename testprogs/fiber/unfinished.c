/*
 * Generators, of which one is left half-way, as its caller may; and a fiber that is left while it holds a lock.
 *
 * EXPECT: leak @make_holder holds [suspected]
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ucontext_t caller, self[3], holder;
static char stacks[4][65536];
static int value[3], finished[3];

static void generate(int me)
{
    for (value[me] = 0; value[me] < 3; value[me]++)
        swapcontext(&self[me], &caller);
    finished[me] = 1;
}

static void holds(void)
{
    pthread_mutex_lock(&lock);
    swapcontext(&holder, &caller);
    pthread_mutex_unlock(&lock);
}

static void begin(ucontext_t *context, char *stack)
{
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = sizeof stacks[0];
    context->uc_link = &caller;
}

int main(void)
{
    int sum = 0;
    for (int i = 0; i < 3; i++) {
        begin(&self[i], stacks[i]);
        makecontext(&self[i], (void (*)(void))generate, 1, i);
        do {
            swapcontext(&caller, &self[i]);
            sum += value[i];
            if (i == 1) /* enough */
                break;
        } while (!finished[i]);
    }
    begin(&holder, stacks[3]);
    makecontext(&holder, holds, 0); /* @make_holder */
    swapcontext(&caller, &holder);
    printf("%d\n", sum);
    return 0;
}
