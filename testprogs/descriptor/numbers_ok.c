/*
 * Every function that makes a descriptor, and every one that ends it: what is kept under the number is handed on with it.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "../order.h"

#define FIXED 100

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);

static int kept[1024];
static const char null[] = "/dev/null";
static int server = -1; /* a listening socket, made before the threads */

static int temporary(int fd, const char *name)
{
    unlink(name);
    return fd;
}

static int client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof address;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    getsockname(server, (struct sockaddr *)&address, &size);
    connect(fd, (struct sockaddr *)&address, size);
    return fd;
}

static int accepted(int plain)
{
    int other = client();
    int fd = plain ? accept(server, NULL, NULL) : accept4(server, NULL, NULL, SOCK_CLOEXEC);
    close(other);
    return fd;
}

static int shared_memory(void)
{
    char name[64];
    snprintf(name, sizeof name, "/gorocheck.%d", (int)getpid());
    int fd = shm_open(name, O_CREAT | O_RDWR, 0600);
    shm_unlink(name);
    return fd;
}

static int queue(void)
{
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 8};
    snprintf(name, sizeof name, "/gorocheck.%d", (int)getpid());
    int fd = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
    mq_unlink(name);
    return fd;
}

static int temporary_file(int which)
{
    char name[] = "/tmp/gorocheck.XXXXXX";
    int fd = which == 0   ? mkstemp(name)
             : which == 1 ? mkstemp64(name)
             : which == 2 ? mkostemp(name, O_CLOEXEC)
                          : mkostemp64(name, O_CLOEXEC);
    return temporary(fd, name);
}

static int masked(void)
{
    sigset_t set;
    sigemptyset(&set);
    return signalfd(-1, &set, 0);
}

/* Makes descriptors in the way of step `step` and ends them again; the second one is -1 where there is one only. */
static int use(int step)
{
    int fd[2] = {-1, -1};
    FILE *file = NULL;
    DIR *directory = NULL;
    switch (step) {
    case 0:
        fd[0] = open(null, O_RDONLY);
        break;
    case 1:
        fd[0] = open64(null, O_RDONLY);
        break;
    case 2:
        fd[0] = openat(AT_FDCWD, null, O_RDONLY);
        break;
    case 3:
        fd[0] = openat64(AT_FDCWD, null, O_RDONLY);
        break;
    case 4:
        fd[0] = __open_2(null, O_RDONLY);
        break;
    case 5:
        fd[0] = __open64_2(null, O_RDONLY);
        break;
    case 6:
        fd[0] = __openat_2(AT_FDCWD, null, O_RDONLY);
        break;
    case 7:
        fd[0] = __openat64_2(AT_FDCWD, null, O_RDONLY);
        break;
    case 8:
        fd[0] = creat(null, 0600);
        break;
    case 9:
        fd[0] = creat64(null, 0600);
        break;
    case 10:
        fd[0] = dup(2);
        break;
    case 11:
        fd[0] = fcntl(2, F_DUPFD, FIXED);
        break;
    case 12:
        fd[0] = fcntl64(2, F_DUPFD_CLOEXEC, FIXED);
        break;
    case 13:
        pipe(fd);
        break;
    case 14:
        pipe2(fd, O_CLOEXEC);
        break;
    case 15:
        fd[0] = socket(AF_UNIX, SOCK_STREAM, 0);
        break;
    case 16:
        socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
        break;
    case 17:
        fd[0] = accepted(1);
        break;
    case 18:
        fd[0] = accepted(0);
        break;
    case 19:
        fd[0] = eventfd(0, 0);
        break;
    case 20:
        fd[0] = epoll_create(1);
        break;
    case 21:
        fd[0] = epoll_create1(0);
        break;
    case 22:
        fd[0] = timerfd_create(CLOCK_MONOTONIC, 0);
        break;
    case 23:
        fd[0] = masked();
        break;
    case 24:
        fd[0] = inotify_init();
        break;
    case 25:
        fd[0] = inotify_init1(0);
        break;
    case 26:
        fd[0] = memfd_create("x", 0);
        break;
    case 27:
        fd[0] = shared_memory();
        break;
    case 28:
    case 29:
    case 30:
    case 31:
        fd[0] = temporary_file(step - 28);
        break;
    case 32:
        file = fopen(null, "r");
        break;
    case 33:
        file = fopen64(null, "r");
        break;
    case 34:
        directory = opendir("/");
        break;
    case 35:
        fd[0] = queue();
        break;
    case 36:
        fd[0] = dup2(2, FIXED);
        break;
    case 37:
        fd[0] = dup3(2, FIXED, O_CLOEXEC);
        break;
    default:
        return 0;
    }
    if (file)
        fd[0] = fileno(file);
    if (directory)
        fd[0] = dirfd(directory);
    if (fd[0] < 0) {
        printf("step %d failed\n", step);
        return 0;
    }
    kept[fd[0]]++;
    if (fd[1] >= 0)
        kept[fd[1]]++;
    if (file)
        fclose(file);
    else if (directory)
        closedir(directory);
    else if (step == 35)
        mq_close(fd[0]);
    else if (step == 36)
        dup2(2, fd[0]); /* the other thread puts something else there, without a close in between */
    else if (step == 37)
        dup3(2, fd[0], 0);
    else if (step == 13)
        close_range((unsigned)fd[0], (unsigned)fd[1], 0);
    else if (step == 14)
        closefrom(fd[0]);
    else
        close(fd[0]);
    if (step == 16)
        close(fd[1]);
    return 1;
}

static void *work(void *number)
{
    int me = *(int *)number, step = 0;
    do {
        order_wait(1 + 2 * step + me);
    } while (use(step) && (order_signal(2 + 2 * step + me), step++, 1));
    order_signal(2 + 2 * step + me);
    if (me)
        printf("%d steps\n", step);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    server = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(server, (struct sockaddr *)&address,
         sizeof(sa_family_t)); /* a name of the kernel's choice */
    listen(server, 4);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    order_signal(1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
