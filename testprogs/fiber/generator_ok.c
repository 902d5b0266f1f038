/*
 * A generator on a stack of its own: what it and its caller do is in order, since they switch to one another.
 *
 * EXPECT: none
 * MODE: plain instrumented clang patched
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

struct generator {
    ucontext_t caller, self;
    int value, finished;
};

static void generate(struct generator *g, long from, long to, long step, long a, long b, long c)
{
    for (long i = from; i < to; i += step) {
        g->value = (int)(i + a + b + c);
        swapcontext(&g->self, &g->caller);
    }
    g->finished = 1;
}

static void *work(void *unused)
{
    int sum = 0;
    char *stack = malloc(65536);
    for (int round = 0; round < 3; round++) { /* one stack, three fibers */
        struct generator g = {.finished = 0};
        getcontext(&g.self);
        g.self.uc_stack.ss_sp = stack;
        g.self.uc_stack.ss_size = 65536;
        g.self.uc_link = &g.caller;
        makecontext(&g.self, (void (*)(void))generate, 7, &g, 0L, 10L, 2L, 1L, 2L, 3L);
        for (;;) {
            swapcontext(&g.caller, &g.self);
            if (g.finished)
                break;
            sum += g.value;
        }
    }
    free(stack);
    printf("%d\n", sum);
    return unused;
}

int main(void)
{
    pthread_t thread;
    work(NULL);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    return 0;
}
