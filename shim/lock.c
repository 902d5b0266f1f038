/*
 * A lock that is not free is waited for a moment before its task counts as blocked and sleeps. Two tasks that take the same
 * lock again and again otherwise spend their time in futex calls that find the lock free by then, 0.4 of them for each turn
 * of the bench's lock loop; under a recorder, which keeps the lock longer, more than natively. The lock is not looked at
 * meanwhile: each look takes its cache line, and what it guards, from the one who is about to take it again.
 */
#include "shim/lock.h"

#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

#include "shim/banned.h"
#include "shim/raw.h"

#define WAIT_ROUNDS 2u
#define WAIT_TICKS  2000u /* of one round, half a microsecond to one: measured in docs/design.md */
#define KIND_OTHERS \
    (16 | 32 | 64) /* robust, priority inheritance, ceiling: the word is more than a lock */

/*
 * Two tasks that do nothing but take the same lock: whoever has it takes it again before it could have changed hands, which
 * takes several cache lines from one processor to the other. There the one who waits spends as much processor time on it as
 * the other on its work. So a task that has met that LOOPS_SURE times sleeps a while instead.
 */
#define TURN_TICKS  400   /* from one unlock to the next */
#define SLEEP_NS    20000 /* and the 50,000 that the kernel adds */
#define LOOPS_SURE  8
#define LOOPS_MOST  32
#define LOOPS_WRONG (-1024) /* the sleep was none of use: as often again it is not tried */

static __thread struct waits {
    const struct object *object;
    int32_t loops;
} waits __attribute__((tls_model("initial-exec")));

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

/*
 * Has who gave it up last done so faster than it could have changed hands, in the time from `began` on? Each unlock ends a
 * segment, and how far it was when it gave the lock to this task is known.
 */
static bool in_a_loop(struct thread *thread, struct object *object, uint64_t began)
{
    const struct object_clock *clock = object_clock(object);
    uint32_t task = __atomic_load_n(&clock->task, __ATOMIC_RELAXED);
    uint64_t segment = __atomic_load_n(&clock->segment, __ATOMIC_RELAXED);
    const struct seen *seen = clock_seen(thread, task);
    return task && seen->task == task && seen->owner == thread->task &&
           segment - seen->segment >= (tsc_now() - began) / TURN_TICKS;
}

static void sleep_a_while(void)
{
    uint32_t nobody_knows_it = 0;
    struct timespec time = {.tv_sec = 0, .tv_nsec = SLEEP_NS};
    raw4(SYS_futex, &nobody_knows_it, FUTEX_WAIT_PRIVATE, 0, &time);
}

static bool is_free(const pthread_mutex_t *mutex)
{
    return !__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED);
}

bool lock_await(struct thread *thread, struct object *object, uintptr_t address)
{
    const pthread_mutex_t *mutex = (const pthread_mutex_t *)address;
    if (mutex->__data.__kind & KIND_OTHERS || !processors_more())
        return false;
    if (waits.object != object)
        waits = (struct waits){.object = object};
    uint64_t began = tsc_now();
    if (waits.loops >= LOOPS_SURE) {
        sleep_a_while();
        if (!in_a_loop(thread, object, began))
            waits.loops = LOOPS_WRONG;
        if (is_free(mutex))
            return true;
        began = tsc_now();
    }
    bool free = false;
    for (uint32_t round = 0; round < WAIT_ROUNDS && !free; round++) {
        uint64_t since = tsc_now();
        do
            __builtin_ia32_pause();
        while (tsc_now() - since < WAIT_TICKS);
        free = is_free(mutex);
    }
    if (!in_a_loop(thread, object, began))
        waits.loops = waits.loops < 0 ? waits.loops : waits.loops / 2;
    else if (waits.loops < LOOPS_MOST)
        waits.loops++;
    return free;
}
