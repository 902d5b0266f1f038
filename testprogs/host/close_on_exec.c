/*
 * The program has its standard streams closed at every exec, as node does: the report comes out all the same.
 *
 * EXPECT: unjoined  @create  work
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

static pthread_barrier_t done;

static void *work(void *argument)
{
    pthread_barrier_wait(&done);
    return argument;
}

int main(void)
{
    pthread_t thread;
    for (int fd = 0; fd <= 2; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    pthread_barrier_init(&done, NULL, 2);
    pthread_create(&thread, NULL, work, NULL); /* @create */
    pthread_barrier_wait(&done);
    puts("done");
    return 0;
}
