/* A lock that gorocheck does not know by itself: an exchange by inline assembly in code that is not instrumented. */
#ifndef TESTPROGS_SPIN_H
#define TESTPROGS_SPIN_H

#include "channel.h"

struct own_lock {
    int taken, readers;
};

CHANNEL_HIDDEN bool own_try(struct own_lock *lock)
{
    return !channel_swap(&lock->taken, 1);
}

CHANNEL_HIDDEN void own_wait(struct own_lock *lock)
{
    while (channel_swap(&lock->taken, 1))
        channel_futex(&lock->taken, 0, 1, NULL);
}

CHANNEL_HIDDEN void own_give(struct own_lock *lock)
{
    channel_swap(&lock->taken, 0);
    channel_futex(&lock->taken, 1, 1, NULL);
}

#endif
