/*
 * A lock that is not free is waited for a moment before its task counts as blocked and sleeps. Two tasks that take the same
 * lock again and again otherwise spend their time in futex calls that find the lock free by then, 0.4 of them for each turn
 * of the bench's lock loop; under a recorder, which keeps the lock longer, more than natively. The lock is not looked at
 * meanwhile: each look takes its cache line, and what it guards, from the one who is about to take it again.
 */
#include "shim/lock.h"

#include <pthread.h>

#include "shim/banned.h"
#include "shim/raw.h"

#define WAIT_ROUNDS 2u
#define WAIT_TICKS  2000u /* of one round, half a microsecond to one: measured in docs/design.md */
#define KIND_OTHERS \
    (16 | 32 | 64) /* robust, priority inheritance, ceiling: the word is more than a lock */

static uint8_t processors; /* 0: not known yet; 2: two or more */

/* With one processor whoever holds the lock does not run meanwhile. */
static bool processors_more(void)
{
    if (UNLIKELY(!processors)) {
        uint64_t mask[128];
        long bytes = raw3(SYS_sched_getaffinity, 0, sizeof mask, (long)mask);
        uint32_t count = 0;
        for (long i = 0; i < bytes / 8; i++)
            count += (uint32_t)__builtin_popcountll(mask[i]);
        processors = count == 1 ? 1 : 2;
    }
    return processors == 2;
}

bool lock_await(uintptr_t address)
{
    const pthread_mutex_t *mutex = (const pthread_mutex_t *)address;
    if (mutex->__data.__kind & KIND_OTHERS || !processors_more())
        return false;
    for (uint32_t round = 0; round < WAIT_ROUNDS; round++) {
        uint64_t from = tsc_now();
        do
            __builtin_ia32_pause();
        while (tsc_now() - from < WAIT_TICKS);
        if (!__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}
