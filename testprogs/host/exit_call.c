/*
 * The last thread ends by the exit system call itself, and the process with it: the race is reported all the same.
 *
 * EXPECT: race  @work @work  counter
 * MODE: instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int counter;

static void *work(void *unused)
{
    counter++; /* @work */
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    struct stat tasks;
    do /* a joined thread may be on its way out yet, as the kernel counts */
        stat("/proc/self/task", &tasks);
    while (tasks.st_nlink > 3);
    printf("2 threads\n");
    fflush(stdout);
    syscall(SYS_exit, 0);
    return 1;
}
