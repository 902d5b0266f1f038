/*
 * Objects of System V outlive their process, and taking them away wakes who waits at them. So a program whose tasks are to
 * wait there at its end does all in a child, and its parent takes them away afterwards:
 *
 *     apart_begin();                     the child returns; the parent waits for its end, and ends as it did
 *     apart_queue(msgget(...))           says which are to go (at most 8 of each); returns the id
 *     apart_set(semget(...))
 */
#ifndef TESTPROGS_APART_H
#define TESTPROGS_APART_H

#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

struct apart {
    int queues[8], sets[8];
    int queue_count, set_count;
};

static struct apart *apart;

static inline int apart_queue(int id)
{
    apart->queues[apart->queue_count++] = id;
    return id;
}

static inline int apart_set(int id)
{
    apart->sets[apart->set_count++] = id;
    return id;
}

static inline void apart_begin(void)
{
    int status = 0;
    apart = mmap(NULL, sizeof *apart, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (!child)
        return;
    waitpid(child, &status, 0);
    for (int i = 0; i < apart->queue_count; i++)
        msgctl(apart->queues[i], IPC_RMID, NULL);
    for (int i = 0; i < apart->set_count; i++)
        semctl(apart->sets[i], 0, IPC_RMID);
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

#endif
