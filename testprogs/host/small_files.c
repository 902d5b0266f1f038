/*
 * No file may grow beyond a few kilobytes: the program gets no SIGXFSZ of ours, and of an incomplete record nothing is claimed.
 *
 * EXPECT: none
 * STATUS: 3
 * BARE: yes
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>

static int cells[100000];

static void *work(void *unused)
{
    for (int i = 0; i < 100000; i++)
        cells[i] += i;
    return unused;
}

int main(void)
{
    struct rlimit size = {8192, 8192};
    setrlimit(RLIMIT_FSIZE, &size);
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, NULL);
        pthread_join(thread, NULL);
    }
    printf("%d\n", cells[1]);
    return 0;
}
