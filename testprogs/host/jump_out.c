/*
 * longjmp over frames that hold locks and cleanup handlers, back and forth, with races looked for all the while.
 *
 * EXPECT: none
 * MODE: plain instrumented clang patched
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int total;

static void dive(jmp_buf back, int depth)
{
    if (depth < 0)
        return;
    if (depth == 0)
        longjmp(back, 1);
    dive(back, depth - 1);
    __asm__ volatile("");
}

static void *work(void *unused)
{
    for (volatile int i = 0; i < 200; i++) {
        jmp_buf back;
        if (!setjmp(back))
            dive(back, i % 30);
        pthread_mutex_lock(&lock);
        total++;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d\n", total);
    return 0;
}
