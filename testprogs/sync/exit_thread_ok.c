/*
 * Threads end by pthread_exit from deep inside; main ends by pthread_exit and the last thread ends the process.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <pthread.h>
#include <stdio.h>

static pthread_t main_thread;

__attribute__((noinline)) static void leave(int depth, void *result)
{
    if (depth < 0)
        return;
    if (!depth)
        pthread_exit(result);
    leave(depth - 1, result);
    __asm__ volatile("");
}

static void *inner(void *unused)
{
    leave(10, &main_thread);
    return unused;
}

static void *last(void *unused)
{
    pthread_join(main_thread, NULL);
    puts("last");
    return unused;
}

int main(void)
{
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, inner, NULL);
    pthread_join(thread, &result);
    printf("%d\n", result == &main_thread);
    main_thread = pthread_self();
    pthread_create(&thread, NULL, last, NULL);
    pthread_detach(thread);
    pthread_exit(NULL);
}
