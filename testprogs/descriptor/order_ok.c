/*
 * Every way through the kernel by which one thread can hand something on to another: the data that goes with it is ordered.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

ssize_t __read_chk(int fd, void *p, size_t n, size_t room);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *p, size_t n, size_t room, int flags, struct sockaddr *from,
                       socklen_t *size);
int __poll_chk(struct pollfd *list, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *list, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t size);

enum step {
    PIPE,
    PIPE_V,
    PIPE_SPLICE_IN,
    PAIR,
    PAIR_TO,
    PAIR_MESSAGE,
    PAIR_MESSAGES,
    PAIR_CHECKED,
    PAIR_FROM_CHECKED,
    SEND_FILE,
    SEND_FILE_64,
    SPLICE,
    TEE,
    EVENT,
    QUEUE,
    QUEUE_TIMED,
    SYSTEM_QUEUE,
    SYSTEM_SEMAPHORE,
    SYSTEM_SEMAPHORE_TIMED,
    FUTEX,
    TIMER,
    SIGNAL,
    POLL,
    PPOLL,
    POLL_CHECKED,
    PPOLL_CHECKED,
    SELECT,
    PSELECT,
    EPOLL,
    EPOLL_MASKED,
    EPOLL_MASKED_2,
    CONNECT,
    CONNECTION,
    LOCAL,
    LOCAL_NAMED_DATAGRAM,
    DATAGRAM,
    END_BY_SHUTDOWN,
    END_BY_CLOSE,
    BROKEN,
    FIFO,
    PASSED,
    STEPS
};

static int data[STEPS];
static int in[STEPS], out[STEPS]; /* what B reads, what A writes */
static int aside[STEPS][2];
static struct sockaddr_in address[STEPS];
static struct sockaddr_un name;
static int word;

static void bytes_put(int fd)
{
    if (write(fd, "x", 1) != 1)
        printf("write: %s\n", strerror(errno));
}

static void bytes_take(int fd)
{
    char byte;
    if (read(fd, &byte, 1) != 1)
        printf("read: %s\n", strerror(errno));
}

static struct msghdr *message(struct iovec *v, struct msghdr *m, char *byte)
{
    *v = (struct iovec){byte, 1};
    *m = (struct msghdr){.msg_iov = v, .msg_iovlen = 1};
    return m;
}

/* A descriptor goes with the message. */
static struct msghdr *message_fd(struct iovec *v, struct msghdr *m, char *byte, char *control,
                                 int fd)
{
    message(v, m, byte);
    m->msg_control = control;
    m->msg_controllen = CMSG_SPACE(sizeof fd);
    struct cmsghdr *part = CMSG_FIRSTHDR(m);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
    return m;
}

struct text {
    long type;
    char byte;
};

static void give(enum step step)
{
    char byte = 'x';
    _Alignas(16) char control[64];
    struct iovec v = {&byte, 1};
    struct msghdr m;
    struct mmsghdr many = {0};
    struct text text = {1, 'x'};
    struct sembuf post = {0, 1, 0};
    struct itimerspec soon = {.it_value = {0, 1}};
    switch (step) {
    case PIPE_V:
        writev(out[step], &v, 1);
        break;
    case PIPE_SPLICE_IN:
        vmsplice(out[step], &v, 1, 0);
        break;
    case PAIR_TO:
        sendto(out[step], &byte, 1, 0, NULL, 0);
        break;
    case PAIR_MESSAGE:
        sendmsg(out[step], message(&v, &m, &byte), 0);
        break;
    case PAIR_MESSAGES:
        message(&v, &many.msg_hdr, &byte);
        sendmmsg(out[step], &many, 1, 0);
        break;
    case PAIR:
    case PAIR_CHECKED:
    case PAIR_FROM_CHECKED:
        send(out[step], &byte, 1, 0);
        break;
    case SEND_FILE:
        sendfile(out[step], aside[step][0], NULL, 1);
        break;
    case SEND_FILE_64:
        sendfile64(out[step], aside[step][0], NULL, 1);
        break;
    case EVENT:
        eventfd_write(out[step], 1);
        break;
    case QUEUE:
        mq_send(out[step], &byte, 1, 0);
        break;
    case QUEUE_TIMED:
        mq_timedsend(out[step], &byte, 1, 0, &(struct timespec){0, 0});
        break;
    case SYSTEM_QUEUE:
        msgsnd(out[step], &text, 1, 0);
        break;
    case SYSTEM_SEMAPHORE:
    case SYSTEM_SEMAPHORE_TIMED:
        semop(out[step], &post, 1);
        break;
    case FUTEX:
        __atomic_store_n(&word, 1, __ATOMIC_RELAXED);
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        break;
    case TIMER:
        timerfd_settime(out[step], 0, &soon, NULL);
        break;
    case SIGNAL:
        kill(getpid(), SIGUSR1);
        break;
    case CONNECT:
        connect(out[step], (struct sockaddr *)&address[step], sizeof address[step]);
        break;
    case DATAGRAM:
        sendto(out[step], &byte, 1, 0, (struct sockaddr *)&address[step], sizeof address[step]);
        break;
    case LOCAL_NAMED_DATAGRAM:
        sendto(out[step], &byte, 1, 0, (struct sockaddr *)&name, sizeof name);
        break;
    case END_BY_SHUTDOWN:
        shutdown(out[step], SHUT_WR);
        break;
    case END_BY_CLOSE:
    case BROKEN:
        close(out[step]);
        break;
    case PASSED:
        sendmsg(out[step], message_fd(&v, &m, &byte, control, aside[step][0]), 0);
        bytes_put(aside[step][1]);
        break;
    default:
        bytes_put(out[step]);
        break;
    }
}

static void take(enum step step)
{
    char byte = 0;
    _Alignas(16) char control[64];
    struct iovec v = {&byte, 1};
    struct msghdr m;
    struct mmsghdr many = {0};
    struct text text;
    struct sembuf wait = {0, -1, 0};
    struct timespec second = {1, 0};
    struct pollfd request = {in[step], POLLIN, 0};
    struct epoll_event event;
    struct signalfd_siginfo info;
    uint64_t count;
    fd_set set;
    FD_ZERO(&set);
    switch (step) {
    case PIPE_V:
        readv(in[step], &v, 1);
        break;
    case PIPE_SPLICE_IN:
        __read_chk(in[step], &byte, 1, 1);
        break;
    case PAIR:
        recv(in[step], &byte, 1, 0);
        break;
    case PAIR_TO:
        recvfrom(in[step], &byte, 1, 0, NULL, NULL);
        break;
    case PAIR_MESSAGE:
        recvmsg(in[step], message(&v, &m, &byte), 0);
        break;
    case PAIR_MESSAGES:
        message(&v, &many.msg_hdr, &byte);
        recvmmsg(in[step], &many, 1, 0, NULL);
        break;
    case PAIR_CHECKED:
        __recv_chk(in[step], &byte, 1, 1, 0);
        break;
    case PAIR_FROM_CHECKED:
        __recvfrom_chk(in[step], &byte, 1, 1, 0, NULL, NULL);
        break;
    case SPLICE:
        splice(in[step], NULL, aside[step][1], NULL, 1, 0);
        break;
    case TEE:
        tee(in[step], aside[step][1], 1, 0);
        break;
    case EVENT:
    case TIMER:
        read(in[step], &count, sizeof count);
        break;
    case SIGNAL:
        read(in[step], &info, sizeof info);
        break;
    case QUEUE:
        mq_receive(in[step], &byte, 1, NULL);
        break;
    case QUEUE_TIMED:
        clock_gettime(CLOCK_REALTIME, &second);
        second.tv_sec += 60;
        mq_timedreceive(in[step], &byte, 1, NULL, &second);
        break;
    case SYSTEM_QUEUE:
        msgrcv(in[step], &text, 1, 0, 0);
        break;
    case SYSTEM_SEMAPHORE:
        semop(in[step], &wait, 1);
        break;
    case SYSTEM_SEMAPHORE_TIMED:
        second.tv_sec = 60;
        semtimedop(in[step], &wait, 1, &second);
        break;
    case FUTEX:
        while (!__atomic_load_n(&word, __ATOMIC_RELAXED) &&
               syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0))
            ;
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0); /* EAGAIN: it is 1 */
        break;
    case POLL:
        poll(&request, 1, -1);
        break;
    case PPOLL:
        ppoll(&request, 1, NULL, NULL);
        break;
    case POLL_CHECKED:
        __poll_chk(&request, 1, 60000, sizeof request);
        break;
    case PPOLL_CHECKED:
        __ppoll_chk(&request, 1, NULL, NULL, sizeof request);
        break;
    case SELECT:
        FD_SET(in[step], &set);
        select(in[step] + 1, &set, NULL, NULL, NULL);
        break;
    case PSELECT:
        FD_SET(in[step], &set);
        pselect(in[step] + 1, &set, NULL, NULL, NULL, NULL);
        break;
    case EPOLL:
        epoll_wait(in[step], &event, 1, -1);
        break;
    case EPOLL_MASKED:
        epoll_pwait(in[step], &event, 1, -1, NULL);
        break;
    case EPOLL_MASKED_2:
        epoll_pwait2(in[step], &event, 1, NULL, NULL);
        break;
    case CONNECT:
        close(accept(in[step], NULL, NULL));
        break;
    case END_BY_SHUTDOWN:
    case END_BY_CLOSE:
        read(in[step], &byte, 1);
        break;
    case BROKEN:
        while (write(in[step], &byte, 1) == 1)
            sched_yield();
        break;
    case PASSED: {
        int fd = -1;
        recvmsg(in[step], message_fd(&v, &m, &byte, control, -1), 0);
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
        bytes_take(fd);
        break;
    }
    default:
        bytes_take(in[step]);
        break;
    }
}

static int watched(int fd)
{
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN});
    return set;
}

static int server(int type, struct sockaddr_in *at)
{
    socklen_t size = sizeof *at;
    int fd = socket(AF_INET, type, 0);
    at->sin_family = AF_INET;
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd, (struct sockaddr *)at, sizeof *at);
    if (type == SOCK_STREAM)
        listen(fd, 4);
    getsockname(fd, (struct sockaddr *)at, &size);
    return fd;
}

static void prepare(enum step step)
{
    int ends[2] = {-1, -1}, yes = 1;
    char text[64];
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 1};
    switch (step) {
    case PAIR:
    case PAIR_TO:
    case PAIR_MESSAGE:
    case PAIR_MESSAGES:
    case PAIR_CHECKED:
    case PAIR_FROM_CHECKED:
    case END_BY_SHUTDOWN:
    case PASSED:
        socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
        break;
    case EVENT:
        ends[0] = ends[1] = eventfd(0, 0);
        break;
    case TIMER:
        ends[0] = ends[1] = timerfd_create(CLOCK_MONOTONIC, 0);
        break;
    case SIGNAL: {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        ends[0] = signalfd(-1, &set, 0);
        break;
    }
    case QUEUE:
    case QUEUE_TIMED:
        snprintf(text, sizeof text, "/gorocheck.%d.%d", (int)getpid(), (int)step);
        ends[0] = ends[1] = mq_open(text, O_CREAT | O_RDWR, 0600, &attributes);
        mq_unlink(text);
        break;
    case SYSTEM_QUEUE:
        ends[0] = ends[1] = msgget(IPC_PRIVATE, 0600);
        break;
    case SYSTEM_SEMAPHORE:
    case SYSTEM_SEMAPHORE_TIMED:
        ends[0] = ends[1] = semget(IPC_PRIVATE, 1, 0600);
        break;
    case CONNECT:
    case CONNECTION:
        ends[0] = server(SOCK_STREAM, &address[step]);
        setsockopt(ends[0], SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        ends[1] = socket(AF_INET, SOCK_STREAM, 0);
        if (step == CONNECTION) {
            connect(ends[1], (struct sockaddr *)&address[step], sizeof address[step]);
            ends[0] = accept4(ends[0], NULL, NULL, 0);
        }
        break;
    case LOCAL: {
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        socklen_t size = sizeof at;
        int listener = socket(AF_UNIX, SOCK_STREAM, 0);
        bind(listener, (struct sockaddr *)&at, sizeof(sa_family_t));
        listen(listener, 1);
        getsockname(listener, (struct sockaddr *)&at, &size);
        ends[1] = socket(AF_UNIX, SOCK_STREAM, 0);
        connect(ends[1], (struct sockaddr *)&at, size);
        ends[0] = accept(listener, NULL, NULL);
        break;
    }
    case LOCAL_NAMED_DATAGRAM:
        name.sun_family = AF_UNIX;
        snprintf(name.sun_path, sizeof name.sun_path, "/tmp/gorocheck.%d", (int)getpid());
        ends[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
        bind(ends[0], (struct sockaddr *)&name, sizeof name);
        ends[1] = socket(AF_UNIX, SOCK_DGRAM, 0);
        break;
    case DATAGRAM:
        ends[0] = server(SOCK_DGRAM, &address[step]);
        ends[1] = socket(AF_INET, SOCK_DGRAM, 0);
        break;
    case FIFO:
        snprintf(text, sizeof text, "/tmp/gorocheck.fifo.%d", (int)getpid());
        mkfifo(text, 0600);
        ends[0] = open(text, O_RDWR);
        ends[1] = open(text, O_WRONLY);
        unlink(text);
        break;
    default:
        pipe(ends);
        break;
    }
    in[step] = ends[0];
    out[step] = ends[1];
    if (step == SEND_FILE || step == SEND_FILE_64) {
        aside[step][0] = memfd_create("x", 0);
        pwrite(aside[step][0], "x", 1, 0);
    }
    if (step == SPLICE || step == TEE || step == PASSED)
        pipe(aside[step]);
    if (step == EPOLL || step == EPOLL_MASKED || step == EPOLL_MASKED_2)
        in[step] = watched(ends[0]);
    if (step == BROKEN) {
        in[step] = ends[1];
        out[step] = ends[0];
    }
}

static void *first(void *unused)
{
    for (int step = 0; step < STEPS; step++) {
        data[step] = step;
        give((enum step)step);
    }
    return unused;
}

static void *second(void *unused)
{
    int sum = 0;
    for (int step = 0; step < STEPS; step++) {
        take((enum step)step);
        sum += data[step] == step;
    }
    printf("%d of %d\n", sum, STEPS);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    signal(SIGPIPE, SIG_IGN);
    for (int step = 0; step < STEPS; step++)
        prepare((enum step)step);
    pthread_create(&b, NULL, second, NULL);
    pthread_create(&a, NULL, first, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    msgctl(in[SYSTEM_QUEUE], IPC_RMID, NULL);
    semctl(in[SYSTEM_SEMAPHORE], 0, IPC_RMID);
    semctl(in[SYSTEM_SEMAPHORE_TIMED], 0, IPC_RMID);
    unlink(name.sun_path);
    return 0;
}
