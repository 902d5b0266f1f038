/*
 * Nobody reads what is written to stderr, and no file may grow: what the recorder has to say about that must not end the
 * program by SIGPIPE or SIGXFSZ.
 *
 * EXPECT: none
 * STATUS: 3
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static int cells[100000];

static void *work(void *unused)
{
    for (int i = 0; i < 100000; i++)
        cells[i] += i;
    return unused;
}

int main(void)
{
    int pair[2];
    struct rlimit size = {8192, 8192};
    if (pipe(pair) || dup2(pair[1], 2) != 2)
        return 1;
    close(pair[0]);
    setrlimit(RLIMIT_FSIZE, &size);
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, NULL);
        pthread_join(thread, NULL);
    }
    printf("%d\n", cells[1]);
    return 0;
}
