/*
 * Waits at message queues and semaphores that only this process can use: who received has left, who was to send as well.
 *
 * EXPECT: blocked @receive message-queue [suspected]
 * EXPECT: blocked @send message-queue [suspected]
 * EXPECT: blocked @system_receive message-queue
 * EXPECT: blocked @system_send message-queue
 * EXPECT: blocked @operation semaphore-set
 * MODE: plain instrumented
 */
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"
#include "../support/apart.h"

struct text {
    long type;
    char bytes[1024];
};

static mqd_t empty, full;
static int system_empty, system_full, set;

static mqd_t queue_of(int number)
{
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 1};
    snprintf(name, sizeof name, "/gorocheck.never.%d.%d", (int)getpid(), number);
    mqd_t queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
    mq_unlink(name);
    return queue;
}

static void *receives(void *unused)
{
    char byte;
    mq_receive(empty, &byte, 1, NULL);
    order_block(1);
    mq_receive(empty, &byte, 1, NULL); /* @receive */
    return unused;
}

static void *sends(void *unused)
{
    order_block(2);
    for (int i = 0; i < 4; i++)
        mq_send(full, "x", 1, 0); /* @send */
    return unused;
}

static void *system_receives(void *unused)
{
    struct text text;
    msgrcv(system_empty, &text, sizeof text.bytes, 0, 0);
    order_block(3);
    msgrcv(system_empty, &text, sizeof text.bytes, 0, 0); /* @system_receive */
    return unused;
}

static void *system_sends(void *unused)
{
    static struct text text = {1, ""};
    order_block(4);
    for (int i = 0; i < 1000; i++)
        msgsnd(system_full, &text, sizeof text.bytes, 0); /* @system_send */
    return unused;
}

static void *waits(void *unused)
{
    struct sembuf down = {0, -1, 0};
    semop(set, &down, 1);
    order_block(5);
    semop(set, &down, 1); /* @operation */
    return unused;
}

static void *serves(void *unused)
{
    struct text text = {1, ""};
    struct sembuf up = {0, 1, 0};
    char byte;
    mq_send(empty, "x", 1, 0);
    mq_receive(full, &byte, 1, NULL);
    msgsnd(system_empty, &text, 1, 0);
    msgrcv(system_full, &text, sizeof text.bytes, 0, 0);
    semop(set, &up, 1);
    return unused;
}

int main(void)
{
    void *(*const works[])(void *) = {receives, sends, system_receives, system_sends, waits};
    pthread_t server;
    apart_begin();
    empty = queue_of(1);
    full = queue_of(2);
    system_empty = apart_queue(msgget(IPC_PRIVATE, 0600));
    system_full = apart_queue(msgget(IPC_PRIVATE, 0600));
    set = apart_set(semget(IPC_PRIVATE, 1, 0600));
    pthread_create(&server, NULL, serves, NULL);
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, works[i], NULL);
        pthread_detach(thread);
    }
    pthread_join(server, NULL);
    for (int i = 0; i < 5; i++)
        order_blocked(i + 1);
    puts("done");
    return 0;
}
