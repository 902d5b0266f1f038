/*
 * max_disk=: process->written counts what was written, process->digested what an analyzer that reads along has deleted.
 * From SOFT of the bound on, when_full= decides: `slow` lets threads that write accesses wait for the analyzer, `sample`
 * leaves accesses out until half of the bound is free again, `drop` leaves them out for good, and so do the others when
 * no analyzer reads. Only loads and stores are left out: allocations, frees and synchronisation are recorded on, so what
 * is recorded later is still true. Beyond the bound itself the recorder stops.
 *
 * A wait never depends on the analyzer being well: it ends when nothing has been deleted for STALL_NS, because what the
 * analyzer waits for may be what this thread has not written yet.
 */
#include "shim/volume.h"

#include <time.h>

#include "shim/access_state.h"
#include "shim/banned.h"
#include "shim/options.h"
#include "shim/raw.h"
#include "shim/table.h"

#define STALL_NS UINT64_C(5000000000)
#define PAUSE_NS 2000000
#define LEFT_OUT 64u /* accesses left out between two looks at the counters */

static volatile uint32_t left_out; /* accesses are being left out */
static uint32_t left_out_calls;

void volume_add(uint64_t size)
{
    __atomic_fetch_add(&process_record()->written, size, __ATOMIC_RELAXED);
}

static uint64_t used(void)
{
    const struct trace_process *process = process_record();
    uint64_t digested = __atomic_load_n(&process->digested, __ATOMIC_RELAXED);
    uint64_t written = __atomic_load_n(&process->written, __ATOMIC_RELAXED);
    return written > digested ? written - digested : 0;
}

static uint64_t soft(void)
{
    return shim_options.max_disk - shim_options.max_disk / 8;
}

static bool reader_there(void)
{
    struct trace_process *process = process_record();
    uint32_t reader = __atomic_load_n(&process->reader, __ATOMIC_RELAXED);
    if (reader && raw2(SYS_kill, (long)reader, 0) == -3 /* ESRCH */)
        __atomic_store_n(&process->reader, 0, __ATOMIC_RELAXED);
    return __atomic_load_n(&process->reader, __ATOMIC_RELAXED) != 0;
}

static void leave_out(bool on)
{
    struct trace_process *process = process_record();
    if (on == (left_out != 0) || (on && !shim_options.accesses))
        return;
    __atomic_fetch_or(&process->full,
                      on && (shim_options.when_full != WHEN_FULL_SAMPLE || !reader_there())
                          ? TRACE_FULL_DROPPED
                          : TRACE_FULL_SAMPLED,
                      __ATOMIC_RELAXED);
    left_out = on;
    shim_options.accesses = !on;
}

static uint64_t now_ns(void)
{
    struct timespec time = {0, 0};
    raw2(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void wait_for_room(void)
{
    struct trace_process *process = process_record();
    const struct timespec pause = {0, PAUSE_NS};
    uint64_t begin = now_ns(), moved = begin, digested = process->digested;
    __atomic_fetch_or(&process->full, TRACE_FULL_SLOWED, __ATOMIC_RELAXED);
    while (used() > soft() && shim_state == SHIM_ON && !thread_current->deferred) {
        raw2(SYS_nanosleep, &pause, NULL);
        uint64_t now = now_ns(), seen = __atomic_load_n(&process->digested, __ATOMIC_RELAXED);
        if (seen != digested)
            moved = now;
        digested = seen;
        if (now - moved > STALL_NS || !reader_there())
            break;
    }
    __atomic_fetch_add(&process->waited_ns, now_ns() - begin, __ATOMIC_RELAXED);
}

void volume_check(bool accesses)
{
    uint64_t bound = shim_options.max_disk;
    if (!bound)
        return;
    if (left_out && used() < bound / 2 && shim_options.when_full == WHEN_FULL_SAMPLE &&
        reader_there())
        leave_out(false);
    if (used() <= soft())
        return;
    if (!reader_there() || shim_options.when_full != WHEN_FULL_SLOW)
        leave_out(true);
    else if (accesses && !left_out)
        wait_for_room();
    if (used() > bound)
        leave_out(true);
    if (left_out)
        access_fast.context_top = NULL; /* the short path of access_slow() does not ask */
    if (used() > bound + (reader_there() ? bound / 8 : 0))
        shim_off("the trace has grown to max_disk");
}

void volume_fork_child(void)
{
    struct trace_process *process = process_record();
    process->written = process->digested = process->waited_ns = 0;
    process->reader = process->full = 0;
    if (left_out)
        shim_options.accesses = true;
    left_out = 0;
}

void volume_left_out(void)
{
    if (!left_out)
        return;
    __atomic_fetch_add(&process_record()->lost_access, 1, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&left_out_calls, 1, __ATOMIC_RELAXED) % LEFT_OUT == 0)
        volume_check(false);
}
