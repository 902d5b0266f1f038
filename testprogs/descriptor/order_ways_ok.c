/*
 * Ways in which bytes go: looked at and left (MSG_PEEK), in packets (O_DIRECT), in parts, by duplicates of a descriptor,
 * spliced into memory, in the direction that a shutdown leaves, by descriptors that a child has inherited. What is done
 * before is before what is done after; counts are those of a run without the recorder.
 *
 * EXPECT: none
 * MODE: plain instrumented clang
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum way { PEEKED, PACKET, PARTS, DUP, DUP2, FCNTL_DUP, SPLICED, HALF, EVENT, INHERITED, WAYS };

static int ends[WAYS][2];
static int data[WAYS + 1];

static void put(enum way way, const char *text)
{
    if (write(ends[way][1], text, strlen(text)) != (ssize_t)strlen(text))
        printf("%d: write\n", (int)way);
}

static ssize_t get(enum way way, size_t size)
{
    char bytes[8];
    return read(ends[way][0], bytes, size);
}

static void *first(void *unused)
{
    for (int way = 0; way < WAYS; way++) {
        data[way] = way;
        if (way == EVENT) {
            eventfd_write(ends[way][1], 3);
            continue;
        }
        put((enum way)way, way == PACKET || way == PARTS ? "abcd" : "x");
        if (way == PARTS) {
            data[WAYS] = 1;
            put(PARTS, "ef");
        }
    }
    return unused;
}

static void *second(void *unused)
{
    int sum = 0;
    char bytes[8];
    struct iovec part = {bytes, sizeof bytes};
    eventfd_t count = 0;
    for (int way = 0; way < WAYS; way++) {
        ssize_t got = 0;
        if (way == PEEKED)
            got = recv(ends[way][0], bytes, sizeof bytes, MSG_PEEK);
        else if (way == PACKET || way == PARTS)
            got = get((enum way)way, 3);
        else if (way == EVENT)
            got = eventfd_read(ends[way][0], &count) == 0 ? (ssize_t)count : -1;
        else if (way == SPLICED)
            got = vmsplice(ends[way][0], &part, 1, 0);
        else
            got = get((enum way)way, sizeof bytes);
        sum += data[way];
        printf("%d: %zd\n", way, got);
        if (way == PEEKED)
            printf("again: %zd\n", get(PEEKED, sizeof bytes));
        if (way == PARTS) {
            printf("rest: %zd\n", get(PARTS, 1));
            for (int left = 2; left;)
                left -= (int)get(PARTS, (size_t)left);
            sum += data[WAYS];
        }
    }
    printf("%d\n", sum);
    return unused;
}

static void moved(int *end, int how)
{
    int old = *end;
    *end = how == 0 ? dup(old) : how == 1 ? dup2(old, 90) : fcntl(old, F_DUPFD_CLOEXEC, 70);
    close(old);
}

static void prepare(void)
{
    for (int way = 0; way < WAYS - 1; way++) {
        if (way == PEEKED || way == HALF)
            socketpair(AF_UNIX, SOCK_STREAM, 0, ends[way]);
        else if (way == EVENT)
            ends[way][0] = ends[way][1] = eventfd(0, 0);
        else
            pipe2(ends[way], way == PACKET ? O_DIRECT : 0);
    }
    moved(&ends[DUP][0], 0);
    moved(&ends[DUP][1], 0);
    moved(&ends[DUP2][1], 1);
    moved(&ends[FCNTL_DUP][0], 2);
    shutdown(ends[HALF][0], SHUT_WR);
    char byte;
    printf("%zd\n", read(ends[HALF][1], &byte, 1));
}

static void run(void)
{
    pthread_t a, b;
    prepare();
    pthread_create(&b, NULL, second, NULL);
    pthread_create(&a, NULL, first, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
}

/* What a pipe takes when it is nearly full. */
static void parts(void)
{
    static char block[65536];
    int full[2];
    pipe2(full, O_NONBLOCK);
    for (size_t size = sizeof block; size; size /= 4) {
        ssize_t wrote = write(full[1], block, size);
        printf("%zd %d\n", wrote, wrote < 0 ? errno : 0);
    }
    ssize_t got = read(full[0], block, 5000);
    printf("%zd %zd\n", got, write(full[1], block, 8192));
}

int main(void)
{
    int status;
    pipe(ends[INHERITED]);
    fflush(stdout);
    if (!fork()) {
        run();
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    pipe(ends[INHERITED]);
    run();
    parts();
    return status;
}
