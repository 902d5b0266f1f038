/*
 * Every wait at a message queue or semaphore ends: by a last message, by a time limit, by taking the queue away.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <time.h>
#include <unistd.h>

#include "../order.h"

static mqd_t queue;
static int system_queue, set, told, gone[2];

struct text {
    long type;
    char byte;
};

static void *receives(void *unused)
{
    char byte;
    int sum = 0;
    do {
        mq_receive(queue, &byte, 1, NULL);
        sum++;
    } while (byte != 'q');
    printf("%d received\n", sum);
    return unused;
}

static void *limits(void *unused)
{
    char byte;
    struct timespec past = {0, 0};
    if (mq_timedreceive(queue, &byte, 1, NULL, &past) < 0 && errno != ETIMEDOUT)
        printf("mq_timedreceive: %s\n", strerror(errno));
    return unused;
}

/* What was done before the queue is taken away is seen by whoever learns of it. */
static void *system_receives(void *unused)
{
    struct text text;
    order_block(1);
    if (msgrcv(system_queue, &text, 1, 0, 0) < 0)
        printf("queue: %s, %d\n", errno == EIDRM ? "gone" : strerror(errno), gone[0]);
    return unused;
}

static void *waits(void *unused)
{
    struct sembuf down = {0, -1, 0};
    order_block(2);
    semop(set, &down, 1);
    told++;
    semop(set, &down, 1);
    told++;
    order_block(3);
    if (semop(set, &down, 1) < 0)
        printf("set: %s, %d\n", errno == EIDRM ? "gone" : strerror(errno), gone[1] + told);
    return unused;
}

int main(void)
{
    pthread_t threads[4];
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 1};
    struct sembuf up = {0, 1, 0};
    snprintf(name, sizeof name, "/gorocheck.never_ok.%d", (int)getpid());
    queue = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
    system_queue = msgget(IPC_PRIVATE, 0600);
    set = semget(IPC_PRIVATE, 1, 0600);
    pthread_create(&threads[0], NULL, limits, NULL);
    pthread_join(threads[0], NULL);
    pthread_create(&threads[0], NULL, receives, NULL);
    for (int i = 0; i < 5; i++)
        mq_send(queue, i < 4 ? "x" : "q", 1, 0);
    pthread_join(threads[0], NULL);
    pthread_create(&threads[1], NULL, system_receives, NULL);
    order_blocked(1);
    gone[0] = 1;
    msgctl(system_queue, IPC_RMID, NULL);
    pthread_join(threads[1], NULL);
    told = 5;
    pthread_create(&threads[2], NULL, waits, NULL);
    order_blocked(2);
    semctl(set, 0, SETVAL, 1);
    semop(set, &up, 1);
    order_blocked(3);
    gone[1] = 1;
    semctl(set, 0, IPC_RMID);
    pthread_join(threads[2], NULL);
    mq_close(queue);
    mq_unlink(name);
    return 0;
}
