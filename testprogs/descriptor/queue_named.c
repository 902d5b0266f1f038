/*
 * A queue with a name, which this process made: who sent to it from here has left.
 *
 * EXPECT: blocked @receive message-queue [suspected]
 * EXPECT: blocked @system_receive message-queue [suspected]
 * MODE: plain instrumented
 */
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"
#include "../support/apart.h"

static char name[64];
static int system_queue;

struct text {
    long type;
    char byte;
};

static void *receives(void *unused)
{
    char byte;
    mqd_t queue = mq_open(name, O_RDONLY);
    mq_receive(queue, &byte, 1, NULL);
    order_block(1);
    mq_receive(queue, &byte, 1, NULL); /* @receive */
    return unused;
}

static void *system_receives(void *unused)
{
    struct text text;
    msgrcv(system_queue, &text, 1, 0, 0);
    order_block(2);
    msgrcv(system_queue, &text, 1, 0, 0); /* @system_receive */
    return unused;
}

static void *sends(void *unused)
{
    struct text text = {1, 'x'};
    mqd_t queue = mq_open(name, O_WRONLY);
    mq_send(queue, "x", 1, 0);
    mq_close(queue);
    msgsnd(system_queue, &text, 1, 0);
    return unused;
}

int main(void)
{
    pthread_t receiver, sender;
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 1};
    apart_begin();
    snprintf(name, sizeof name, "/gorocheck.named.%d", (int)getpid());
    mq_close(mq_open(name, O_CREAT | O_RDWR, 0600, &attributes));
    system_queue = apart_queue(msgget((key_t)(0x60700000 + getpid()), IPC_CREAT | 0600));
    pthread_create(&receiver, NULL, receives, NULL);
    pthread_detach(receiver);
    pthread_create(&receiver, NULL, system_receives, NULL);
    pthread_detach(receiver);
    pthread_create(&sender, NULL, sends, NULL);
    pthread_join(sender, NULL);
    order_blocked(1);
    order_blocked(2);
    mq_unlink(name);
    puts("done");
    return 0;
}
