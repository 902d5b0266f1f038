/*
 * Each call that waits to take something from a pipe, socket pair, connection or eventfd, or to put something into it, in a
 * thread of its own: who serves the other end does so once, and then leaves (calls_main(false)) or sees to it that all
 * waits end (true).
 */
#ifndef TESTPROGS_CALLS_H
#define TESTPROGS_CALLS_H

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../order.h"

#define CALLS(X)        \
    X(READ)             \
    X(READ_CHECKED)     \
    X(READV)            \
    X(PREADV2)          \
    X(PREADV64V2)       \
    X(SPLICE_FROM)      \
    X(TEE_FROM)         \
    X(VMSPLICE_FROM)    \
    X(RECV)             \
    X(RECV_CHECKED)     \
    X(RECVFROM)         \
    X(RECVFROM_CHECKED) \
    X(RECVMSG)          \
    X(RECVMMSG)         \
    X(RECV_DATAGRAM)    \
    X(RECV_CONNECTION)  \
    X(EVENTFD_READ)     \
    X(READ_EVENT)       \
    X(WRITE)            \
    X(WRITEV)           \
    X(PWRITEV2)         \
    X(PWRITEV64V2)      \
    X(VMSPLICE_TO)      \
    X(SPLICE_TO)        \
    X(TEE_TO)           \
    X(SENDFILE)         \
    X(SENDFILE64)       \
    X(SEND)             \
    X(SENDTO)           \
    X(SENDMSG)          \
    X(SENDMMSG)         \
    X(SEND_CONNECTION)  \
    X(EVENTFD_WRITE)

enum calls {
#define X(name) CALLS_##name,
    CALLS(X)
#undef X
        CALLS_COUNT
};

static int calls_ends[CALLS_COUNT][2], calls_aside[CALLS_COUNT][2], calls_numbers[CALLS_COUNT];
static char calls_block[65536];

ssize_t __read_chk(int fd, void *p, size_t n, size_t room);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *p, size_t n, size_t room, int flags, struct sockaddr *from,
                       socklen_t *size);

static long calls_do(enum calls call)
{
    int in = calls_ends[call][0], out = calls_ends[call][1];
    char *p = calls_block;
    char byte;
    uint64_t count;
    struct iovec one = {&byte, 1}, whole = {p, sizeof calls_block};
    struct msghdr from = {.msg_iov = &one, .msg_iovlen = 1},
                  to = {.msg_iov = &whole, .msg_iovlen = 1};
    struct mmsghdr from_many = {.msg_hdr = from}, to_many = {.msg_hdr = to};
    switch (call) {
    case CALLS_READ:
        return read(in, &byte, 1); /* @read */
    case CALLS_READ_CHECKED:
        return __read_chk(in, &byte, 1, 1); /* @read_checked */
    case CALLS_READV:
        return readv(in, &one, 1); /* @readv */
    case CALLS_PREADV2:
        return preadv2(in, &one, 1, -1, 0); /* @preadv2 */
    case CALLS_PREADV64V2:
        return preadv64v2(in, &one, 1, -1, 0); /* @preadv64v2 */
    case CALLS_SPLICE_FROM:
        return splice(in, NULL, calls_aside[call][1], NULL, 1, 0); /* @splice_from */
    case CALLS_TEE_FROM:
        tee(in, calls_aside[call][1], 1, 0); /* @tee_from */
        return read(in, &byte, 1);
    case CALLS_VMSPLICE_FROM:
        return vmsplice(in, &one, 1, 0); /* @vmsplice_from */
    case CALLS_RECV:
        return recv(in, &byte, 1, 0); /* @recv */
    case CALLS_RECV_CHECKED:
        return __recv_chk(in, &byte, 1, 1, 0); /* @recv_checked */
    case CALLS_RECVFROM:
        return recvfrom(in, &byte, 1, 0, NULL, NULL); /* @recvfrom */
    case CALLS_RECVFROM_CHECKED:
        return __recvfrom_chk(in, &byte, 1, 1, 0, NULL, NULL); /* @recvfrom_checked */
    case CALLS_RECVMSG:
        return recvmsg(in, &from, 0); /* @recvmsg */
    case CALLS_RECVMMSG:
        return recvmmsg(in, &from_many, 1, 0, NULL); /* @recvmmsg */
    case CALLS_RECV_DATAGRAM:
        return recv(in, &byte, 1, 0); /* @recv_datagram */
    case CALLS_RECV_CONNECTION:
        return recv(in, &byte, 1, 0); /* @recv_connection */
    case CALLS_EVENTFD_READ:
        return eventfd_read(in, &count); /* @eventfd_read */
    case CALLS_READ_EVENT:
        return read(in, &count, sizeof count); /* @read_event */
    case CALLS_WRITE:
        return write(out, p, sizeof calls_block); /* @write */
    case CALLS_WRITEV:
        return writev(out, &whole, 1); /* @writev */
    case CALLS_PWRITEV2:
        return pwritev2(out, &whole, 1, -1, 0); /* @pwritev2 */
    case CALLS_PWRITEV64V2:
        return pwritev64v2(out, &whole, 1, -1, 0); /* @pwritev64v2 */
    case CALLS_VMSPLICE_TO:
        return vmsplice(out, &whole, 1, 0); /* @vmsplice_to */
    case CALLS_SPLICE_TO:
        return splice(calls_aside[call][0], /* @splice_to */
                      NULL, out, NULL, sizeof calls_block, 0);
    case CALLS_TEE_TO:
        return tee(calls_aside[call][0], /* @tee_to */
                   out, sizeof calls_block, 0);
    case CALLS_SENDFILE:
        return sendfile(out, /* @sendfile */
                        calls_aside[call][0], &(off_t){0}, sizeof calls_block);
    case CALLS_SENDFILE64:
        return sendfile64(out, /* @sendfile64 */
                          calls_aside[call][0], &(off64_t){0}, sizeof calls_block);
    case CALLS_SEND:
        return send(out, p, sizeof calls_block, 0); /* @send */
    case CALLS_SENDTO:
        return sendto(out, p, sizeof calls_block, 0, NULL, 0); /* @sendto */
    case CALLS_SENDMSG:
        return sendmsg(out, &to, 0); /* @sendmsg */
    case CALLS_SENDMMSG:
        return sendmmsg(out, &to_many, 1, 0); /* @sendmmsg */
    case CALLS_SEND_CONNECTION:
        return send(out, p, sizeof calls_block, 0); /* @send_connection */
    case CALLS_EVENTFD_WRITE:
        return eventfd_write(out, UINT64_MAX / 4); /* @eventfd_write */
    case CALLS_COUNT:
        break;
    }
    return -1;
}

static int calls_puts(enum calls call)
{
    return call >= CALLS_WRITE;
}

static void calls_connection(int ends[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    bind(server, (struct sockaddr *)&at, sizeof at);
    listen(server, 1);
    getsockname(server, (struct sockaddr *)&at, &size);
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    connect(ends[1], (struct sockaddr *)&at, size);
    ends[0] = accept(server, NULL, NULL);
    close(server);
}

static void calls_prepare(enum calls call)
{
    int *ends = calls_ends[call], *aside = calls_aside[call];
    calls_numbers[call] = (int)call;
    if (call == CALLS_RECV_CONNECTION || call == CALLS_SEND_CONNECTION)
        calls_connection(ends);
    else if (call == CALLS_RECV_DATAGRAM)
        socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    else if ((call >= CALLS_RECV && call <= CALLS_RECVMMSG) ||
             (call >= CALLS_SEND && call <= CALLS_SENDMMSG))
        socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    else if (call == CALLS_EVENTFD_READ || call == CALLS_READ_EVENT || call == CALLS_EVENTFD_WRITE)
        ends[0] = ends[1] = eventfd(0, 0);
    else
        pipe(ends);
    if (call == CALLS_SENDFILE || call == CALLS_SENDFILE64) {
        aside[0] = memfd_create("aside", 0);
        ftruncate(aside[0], sizeof calls_block);
    } else if (call == CALLS_SPLICE_TO || call == CALLS_TEE_TO || call == CALLS_SPLICE_FROM ||
               call == CALLS_TEE_FROM) {
        pipe(aside);
    }
    if (call == CALLS_SPLICE_TO || call == CALLS_TEE_TO) {
        fcntl(aside[1], F_SETPIPE_SZ, 4 * sizeof calls_block);
        for (int i = 0; i < 4; i++)
            write(aside[1], calls_block, sizeof calls_block);
    }
}

/* Once all is well; then for ever. */
static void *calls_work(void *number)
{
    enum calls call = (enum calls) * (int *)number;
    order_block(1 + (int)call);
    for (int i = 0; i < (calls_puts(call) ? 200 : 2); i++)
        if (calls_do(call) < 0)
            break;
    return NULL;
}

/* The other end of each, once. */
static void *calls_serve(void *unused)
{
    for (int call = 0; call < CALLS_COUNT; call++) {
        uint64_t count = 1;
        if (calls_puts((enum calls)call))
            read(calls_ends[call][0], &count, call == CALLS_EVENTFD_WRITE ? 8 : 1);
        else
            write(calls_ends[call][1], &count,
                  call == CALLS_EVENTFD_READ || call == CALLS_READ_EVENT ? 8 : 1);
    }
    return unused;
}

static void calls_end(enum calls call)
{
    uint64_t count = 1;
    bool event = call == CALLS_EVENTFD_READ || call == CALLS_READ_EVENT;
    if (call == CALLS_EVENTFD_WRITE) {
        fcntl(calls_ends[call][0], F_SETFL,
              O_NONBLOCK); /* who waits is let in, and fails after that */
        read(calls_ends[call][0], &count, 8);
    } else if (event || call == CALLS_RECV_DATAGRAM) {
        write(calls_ends[call][1], &count, event ? 8 : 1);
    } else {
        close(calls_ends[call][calls_puts(call) ? 0 : 1]);
    }
}

static int calls_main(bool end)
{
    pthread_t threads[CALLS_COUNT], server;
    signal(SIGPIPE, SIG_IGN);
    for (int call = 0; call < CALLS_COUNT; call++)
        calls_prepare((enum calls)call);
    pthread_create(&server, NULL, calls_serve, NULL);
    for (int call = 0; call < CALLS_COUNT; call++) {
        pthread_create(&threads[call], NULL, calls_work, &calls_numbers[call]);
        if (!end)
            pthread_detach(threads[call]);
    }
    pthread_join(server, NULL);
    for (int call = 0; call < CALLS_COUNT; call++) {
        order_blocked(1 + call);
        if (end)
            calls_end((enum calls)call);
    }
    for (int call = 0; call < CALLS_COUNT && end; call++)
        pthread_join(threads[call], NULL);
    puts("done");
    return 0;
}

#endif
