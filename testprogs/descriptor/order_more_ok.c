/*
 * Signals that are waited for, messages to several sockets by one call, a pipe read and written by preadv2 and its like:
 * the data that goes with each is ordered.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define WAITS 3

static int data[WAITS + 2 + 2];
static int tube[2], sender, sockets[2];
static struct sockaddr_in addresses[2];

static sigset_t only(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

static void *waits(void *unused)
{
    sigset_t first = only(SIGRTMIN), second = only(SIGRTMIN + 1), third = only(SIGRTMIN + 2);
    int number = 0;
    siginfo_t info;
    struct timespec minute = {60, 0};
    sigwait(&first, &number);
    data[0]++;
    sigwaitinfo(&second, &info);
    data[1]++;
    sigtimedwait(&third, &info, &minute);
    data[2]++;
    return unused;
}

static void *takes(void *number)
{
    int n = *(int *)number;
    char byte;
    recv(sockets[n], &byte, 1, 0);
    data[WAITS + n]++;
    return NULL;
}

static void *reads(void *unused)
{
    char bytes[4];
    struct iovec v = {bytes, 1};
    preadv2(tube[0], &v, 1, -1, 0);
    data[WAITS + 2]++;
    preadv64v2(tube[0], &v, 1, -1, 0);
    data[WAITS + 3]++;
    return unused;
}

static void files(void)
{
    char bytes[4] = "abc", back[4] = "";
    struct iovec to = {bytes, 1}, from = {back, 1};
    int fd = memfd_create("file", 0);
    pwritev(fd, &to, 1, 0);
    pwritev64(fd, &to, 1, 1);
    preadv(fd, &from, 1, 0);
    preadv64(fd, &from, 1, 1);
    close(fd);
    puts(back);
}

static void send_two(void)
{
    char byte = 'x';
    struct iovec v = {&byte, 1};
    struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}},
                                  {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}}};
    for (int i = 0; i < 2; i++) {
        messages[i].msg_hdr.msg_name = &addresses[i];
        messages[i].msg_hdr.msg_namelen = sizeof addresses[i];
        data[WAITS + i]++;
    }
    if (sendmmsg(sender, messages, 2, 0) != 2)
        puts("sendmmsg");
}

int main(void)
{
    pthread_t waiter, takers[2], reader;
    int numbers[2] = {0, 1};
    char bytes[4] = "xy";
    struct iovec v = {bytes, 1};
    for (int i = 0; i < WAITS; i++) {
        sigset_t set = only(SIGRTMIN + i);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
    }
    pipe(tube);
    sender = socket(AF_INET, SOCK_DGRAM, 0);
    for (int i = 0; i < 2; i++) {
        socklen_t size = sizeof addresses[i];
        sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
        addresses[i] =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        bind(sockets[i], (struct sockaddr *)&addresses[i], size);
        getsockname(sockets[i], (struct sockaddr *)&addresses[i], &size);
        pthread_create(&takers[i], NULL, takes, &numbers[i]);
    }
    pthread_create(&waiter, NULL, waits, NULL);
    pthread_create(&reader, NULL, reads, NULL);
    send_two();
    data[WAITS + 2]++;
    pwritev2(tube[1], &v, 1, -1, 0);
    data[WAITS + 3]++;
    pwritev64v2(tube[1], &v, 1, -1, 0);
    for (int i = 0; i < WAITS; i++) {
        data[i]++;
        pthread_kill(waiter, SIGRTMIN + i);
    }
    pthread_join(waiter, NULL);
    pthread_join(reader, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(takers[i], NULL);
    files();
    for (int i = 0; i < WAITS + 4; i++)
        printf("%d ", data[i]);
    puts("");
    return 0;
}
