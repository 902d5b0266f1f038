/*
 * Queues with names, whose messages come from other processes, if at all: to wait there at the end is by design. So it is
 * where a child may send, and where another process made the queue.
 *
 * EXPECT: none
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
static mqd_t queue, inherited;
static int system_queue, private_queue, set;

struct text {
    long type;
    char byte;
};

static void *receives(void *unused)
{
    char byte;
    order_block(1);
    mq_receive(queue, &byte, 1, NULL);
    return unused;
}

static void *system_receives(void *unused)
{
    struct text text;
    order_block(2);
    msgrcv(system_queue, &text, 1, 0, 0);
    return unused;
}

static void *of_child(void *unused)
{
    struct text text;
    order_block(3);
    msgrcv(private_queue, &text, 1, 0, 0);
    return unused;
}

static void *waits(void *unused)
{
    struct sembuf down = {0, -1, 0};
    order_block(4);
    semop(set, &down, 1);
    return unused;
}

static void *of_parent(void *unused)
{
    char byte;
    order_block(5);
    mq_receive(inherited, &byte, 1, NULL);
    return unused;
}

int main(void)
{
    void *(*const works[])(void *) = {receives, system_receives, of_child, waits, of_parent};
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 1};
    char other[64];
    snprintf(other, sizeof other, "/gorocheck.other.%d", (int)getpid());
    inherited = mq_open(other, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
    mq_unlink(other);
    apart_begin();
    snprintf(name, sizeof name, "/gorocheck.named_ok.%d", (int)getpid());
    queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
    system_queue = apart_queue(msgget((key_t)(0x60800000 + getpid()), IPC_CREAT | 0600));
    private_queue = apart_queue(msgget(IPC_PRIVATE, 0600));
    set = apart_set(semget((key_t)(0x60800000 + getpid()), 1, IPC_CREAT | IPC_EXCL | 0600));
    if (!fork())
        _exit(0);
    wait(NULL);
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, works[i], NULL);
        pthread_detach(thread);
    }
    for (int i = 0; i < 5; i++)
        order_blocked(i + 1);
    mq_unlink(name);
    puts("done");
    return 0;
}
