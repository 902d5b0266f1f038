/*
 * What the calls that wait in the kernel return, and leave in errno, when they fail, are interrupted or cancelled: as without
 * the recorder.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../order.h"

#define TELL(call)                                                                \
    do {                                                                          \
        errno = 0;                                                                \
        long result = (long)(call);                                               \
        printf("%s: %ld %s\n", #call, result < 0 ? -1 : result, strerror(errno)); \
    } while (0)

struct text {
    long type;
    char bytes[64];
};

static int queue, set, tube[2], file, twin, child_file;
static mqd_t posix;
static struct text text = {1, "text"};
static struct sembuf down = {0, -1, 0}, down_now = {0, -1, IPC_NOWAIT}, up = {0, 1, 0};
static char byte;

static int range(int fd, int command, int type)
{
    struct flock all = {.l_type = (short)type, .l_whence = SEEK_SET};
    return fcntl(fd, command, &all);
}

static void errors(void)
{
    TELL(flock(-1, LOCK_EX));
    TELL(flock(file, 77));
    TELL(flock(file, LOCK_SH | LOCK_NB));
    TELL(flock(twin, LOCK_EX | LOCK_NB));
    TELL(flock(file, LOCK_UN));
    TELL(flock(twin, LOCK_EX));
    TELL(flock(twin, LOCK_UN));
    TELL(range(-1, F_OFD_SETLKW, F_WRLCK));
    TELL(range(file, F_OFD_SETLK, 99));
    TELL(range(file, F_OFD_SETLKW, F_WRLCK));
    TELL(range(twin, F_OFD_SETLK, F_RDLCK));
    TELL(range(file, F_OFD_SETLK, F_UNLCK));
    TELL(fcntl(file, F_OFD_SETLKW, NULL));
    TELL(lockf(-1, F_LOCK, 0));
    TELL(lockf(file, 99, 0));
    TELL(lockf(file, F_LOCK, 0));
    TELL(lockf64(file, F_TEST, 0));
    TELL(lockf64(file, F_LOCK, 0));
    TELL(lockf(file, F_ULOCK, 0));
    TELL(mq_receive(posix, &byte, 0, NULL));
    TELL(mq_receive(-1, &byte, 1, NULL));
    TELL(mq_send(posix, text.bytes, sizeof text.bytes, 0));
    TELL(mq_open("nowhere", O_RDWR));
    TELL(mq_timedreceive(posix, &byte, 1, NULL, &(struct timespec){0, 0}));
    TELL(mq_timedreceive(posix, &byte, 1, NULL, &(struct timespec){0, -1}));
    TELL(msgget(0x7abcdef1, 0));
    TELL(msgrcv(-1, &text, 1, 0, 0));
    TELL(msgrcv(queue, &text, 1, 0, IPC_NOWAIT));
    TELL(msgsnd(queue, &(struct text){0, ""}, 1, 0));
    TELL(msgsnd(queue, &text, 5, 0));
    TELL(msgrcv(queue, &text, 1, 0, 0));
    TELL(msgrcv(queue, &text, 3, 0, MSG_NOERROR));
    TELL(msgrcv(queue, &text, 3, 7, IPC_NOWAIT));
    TELL(semop(-1, &up, 1));
    TELL(semop(set, &down_now, 1));
    TELL(semop(set, &up, 0));
    TELL(semtimedop(set, &down, 1, &(struct timespec){0, 1000}));
    TELL(semctl(set, 0, GETVAL));
    TELL(semctl(set, 0, SETVAL, 3));
    TELL(semctl(set, 0, GETVAL));
    TELL(semctl(set, 99, GETVAL));
    TELL(semop(set, &(struct sembuf){0, -3, 0}, 1));
    TELL(splice(tube[0], NULL, -1, NULL, 1, 0));
    TELL(splice(tube[0], NULL, tube[1], NULL, 1, SPLICE_F_NONBLOCK));
    TELL(tee(tube[0], tube[0], 1, 0));
    TELL(vmsplice(-1, NULL, 0, 0));
    TELL(eventfd_write(-1, 1));
}

static void handler(int number)
{
    (void)number;
}

/* A call that waits, in a thread that is interrupted or cancelled in it. */
static int which;
static const char *const names[] = {"mq_receive", "msgrcv", "msgsnd", "semop",   "flock",
                                    "fcntl",      "lockf",  "splice", "vmsplice"};
#define COUNT ((int)(sizeof names / sizeof *names))

static long waits(void)
{
    struct iovec one = {&byte, 1};
    switch (which) {
    case 0:
        return mq_receive(posix, &byte, 1, NULL);
    case 1:
        return msgrcv(queue, &text, 1, 9, 0);
    case 2:
        for (;;)
            if (msgsnd(queue, &text, sizeof text.bytes, 0) < 0)
                return -1;
    case 3:
        return semop(set, &down, 1);
    case 4:
        return flock(twin, LOCK_EX);
    case 5:
        return range(child_file, F_SETLKW, F_WRLCK);
    case 6:
        return lockf(child_file, F_LOCK, 0);
    case 7:
        return splice(tube[0], NULL, file, NULL, 1, 0);
    default:
        return vmsplice(tube[0], &one, 1, 0);
    }
}

static void cleanup(void *number)
{
    printf("%s: cancelled\n", names[*(int *)number]);
}

static void *work(void *step)
{
    pthread_cleanup_push(cleanup, &which);
    order_block(*(int *)step);
    errno = 0;
    long result = waits();
    printf("%s: %ld %s\n", names[which], result, strerror(errno));
    pthread_cleanup_pop(0);
    return NULL;
}

static void interrupted(bool cancel)
{
    static int step;
    for (which = 0; which < COUNT; which++) {
        pthread_t thread;
        void *result;
        if (cancel && (which == 3 || which == 4)) /* no cancellation points */
            continue;
        step++;
        pthread_create(&thread, NULL, work, &step);
        order_blocked(step);
        if (cancel)
            pthread_cancel(thread);
        else
            pthread_kill(thread, SIGUSR1);
        pthread_join(thread, &result);
        if (cancel)
            printf("%d\n", result == PTHREAD_CANCELED);
        while (msgrcv(queue, &text, sizeof text.bytes, 0, IPC_NOWAIT) >= 0)
            ;
    }
}

int main(void)
{
    char name[64], path[64];
    int ready[2];
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 1};
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    snprintf(name, sizeof name, "/gorocheck.errors.%d", (int)getpid());
    snprintf(path, sizeof path, "/tmp/gorocheck.errors.%d", (int)getpid());
    posix = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
    mq_unlink(name);
    queue = msgget(IPC_PRIVATE, 0600);
    set = semget(IPC_PRIVATE, 1, 0600);
    file = open(path, O_CREAT | O_RDWR, 0600);
    twin = open(path, O_RDWR);
    unlink(path);
    pipe(tube);
    errors();
    snprintf(path, sizeof path, "/tmp/gorocheck.child.%d", (int)getpid());
    child_file = open(path, O_CREAT | O_RDWR, 0600);
    pipe(ready);
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        range(open(path, O_RDWR), F_SETLK, F_WRLCK);
        close(ready[1]);
        pause();
        _exit(0);
    }
    close(ready[1]);
    read(ready[0], &byte, 1);
    unlink(path);
    flock(file, LOCK_EX);
    interrupted(false);
    interrupted(true);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    msgctl(queue, IPC_RMID, NULL);
    semctl(set, 0, IPC_RMID);
    TELL(msgsnd(queue, &text, 1, 0));
    return 0;
}
