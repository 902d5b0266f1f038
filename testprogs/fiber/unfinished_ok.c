/*
 * Generators that are run to their end; one that is left half-way and whose stack is freed; one that leaves its stack for
 * good (setcontext); and fibers that wait for work at the end.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK 65536

static ucontext_t caller, self[5], workers[2];
static int value[5], finished[5], works;

static void generate(int me)
{
    for (value[me] = 0; value[me] < 3; value[me]++)
        swapcontext(&self[me], &caller);
    finished[me] = 1;
    if (me == 4)
        setcontext(&caller);
}

static void work(int me)
{
    for (;;) {
        works++;
        swapcontext(&workers[me], &caller);
    }
}

static void begin(ucontext_t *context, char *stack)
{
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK;
    context->uc_link = &caller;
}

int main(void)
{
    static char stacks[2][STACK];
    int sum = 0;
    for (int i = 0; i < 5; i++) {
        char *stack =
            i == 2 ? mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                   : malloc(STACK);
        begin(&self[i], stack);
        makecontext(&self[i], (void (*)(void))generate, 1, i);
        do {
            swapcontext(&caller, &self[i]);
            sum += value[i];
            if (i == 1 || i == 2) /* enough */
                break;
        } while (!finished[i]);
        if (i == 2)
            munmap(stack, STACK);
        else
            free(stack);
    }
    for (int i = 0; i < 2; i++) {
        begin(&workers[i], stacks[i]);
        makecontext(&workers[i], (void (*)(void))work, 1, i);
        swapcontext(&caller, &workers[i]);
    }
    printf("%d %d\n", sum, works);
    return 0;
}
