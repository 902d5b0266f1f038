/*
 * A handler on an alternate stack sees a stack overflow.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static sigjmp_buf back;
static volatile int deepest;

static void handler(int number)
{
    siglongjmp(back, number);
}

__attribute__((noinline)) static int overflow(int depth)
{
    volatile char room[4096];
    room[0] = 1;
    deepest = depth;
    return depth < 1 << 30 ? overflow(depth + 1) + room[0] : 0;
}

int main(void)
{
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    for (volatile int i = 0; i < 3; i++)
        if (sigsetjmp(back, 1) == 0)
            overflow(0);
    printf("%d\n", deepest > 1000);
    return 0;
}
