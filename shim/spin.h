/*
 * Short internal locks: held for some tens of instructions, with the guard up, never across a call that may block. A fork
 * child finds those that other threads held through spin_reset (process.c knows them all).
 */
#ifndef SHIM_SPIN_H
#define SHIM_SPIN_H

#include <stdint.h>

#include "shim/raw.h"

struct spin {
    volatile uint32_t taken;
};

static inline void spin_lock(struct spin *lock)
{
    unsigned tries = 0;
    while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED)) {
            if (++tries < 100)
                __builtin_ia32_pause();
            else
                raw0(SYS_sched_yield);
        }
    }
}

static inline void spin_unlock(struct spin *lock)
{
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

static inline void spin_reset(struct spin *lock)
{
    lock->taken = 0;
}

#endif
