/*
 * A program that closes a number and opens a file, to have it at that number, while another thread, which opens nothing, waits
 * at an epoll set that changes each time: the recorder asks the kernel what is in it.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROUNDS 10000

static atomic_int done;
static int set, event, failed;
static struct epoll_event asked = {.events = EPOLLIN};

static void *wait_often(void *unused)
{
    struct epoll_event got;
    for (int i = 0; i < ROUNDS; i++)
        failed |=
            epoll_ctl(set, EPOLL_CTL_MOD, event, &asked) != 0 || epoll_wait(set, &got, 1, -1) != 1;
    done = 1;
    return unused;
}

int main(void)
{
    pthread_t thread;
    int wrong = 0;
    set = epoll_create1(0);
    event = eventfd(1, 0);
    failed = epoll_ctl(set, EPOLL_CTL_ADD, event, &asked) != 0;
    pthread_create(&thread, NULL, wait_often, NULL);
    do {
        close(0);
        wrong += open("/dev/null", O_RDONLY) != 0;
    } while (!done);
    pthread_join(thread, NULL);
    printf("%d %d\n", wrong, failed);
    return 0;
}
