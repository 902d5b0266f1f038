/*
 * The filter: what this thread has touched in this generation is not recorded again. One direct-mapped cache of lines per
 * OS thread.
 *
 * Invariant: a byte is marked as seen only after its access was recorded (or needs no record), in the present generation
 * of this thread; a new generation begins whenever the segment changes.
 */
#include "shim/access_add.h"

#include "shim/banned.h"
#include "shim/context.h"
#include "shim/mark.h"
#include "shim/module.h"
#include "shim/options.h"
#include "shim/patch.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/stack.h"
#include "shim/stream.h"
#include "shim/table.h"
#include "shim/task.h"
#include "shim/volume.h"

static_assert(TRACE_KIND_WRITE == 1, "index of ignore[]");

#define FILTER_STEP 2u
#define RANGE_LINES 32u /* longer ranges become one RANGE record and leave the filter alone */

static struct filter_entry nothing = ACCESS_NOTHING; /* all that a thread without filters finds */
static uint64_t no_frames[2];
static uint32_t no_guard[2] = ACCESS_NO_GUARD;
struct trace_open access_no_open[TRACE_OPEN_ENTRIES];
__thread struct access_fast access_fast =
    ACCESS_FAST_EMPTY(nothing, no_frames, no_guard, access_no_open);
static_assert(offsetof(struct thread, busy) == 0 && offsetof(struct thread, deferred) == 4,
              "access_fast.guard");

volatile uint32_t access_on;

static void filter_use(struct access_state *state, struct filter_entry *entries, uint32_t *list,
                       uint32_t log2)
{
    __atomic_store_n(&state->shown, (uintptr_t)entries | log2, __ATOMIC_RELEASE);
    state->entries = entries;
    state->entries_log2 = log2;
    state->evictions_left = FILTER_STANDS(log2);
    size_t reads = (size_t)1 << log2;
    access_fast.reads = (struct filter){entries, (reads - 1) * sizeof *entries};
    access_fast.writes = (struct filter){entries + reads, (reads / 2 - 1) * sizeof *entries};
    state->entries_count = (uint32_t)(filter_bytes(log2) / sizeof *entries);
    state->entered = list;
    state->entered_count = 0;
    state->gather_list = list + state->entries_count;
    state->gather_bits = (uint64_t *)(state->gather_list + state->entries_count);
}

/* What was in the old filter is seen as new again: it is recorded a second time at most. */
void access_filter_grow(struct access_state *state)
{
    uint32_t log2 = state->entries_log2 + FILTER_STEP;
    uint32_t *list, *old_list = state->entered;
    struct filter_entry *larger = log2 <= FILTER_LARGE ? filter_get(log2, &list) : NULL,
                        *old = state->entries;
    if (!larger) {
        state->evictions_left = FILTER_STANDS(log2);
        return;
    }
    uint32_t old_log2 = state->entries_log2;
    gather_write(thread_current, state);
    filter_use(state, larger, list, log2);
    filter_put(old, old_list, old_log2);
}

#define EMPTY_ALL \
    4u /* one in so many entries was used: zeroing all of them in a row takes no longer */
static void filter_empty(struct access_state *state)
{
    uint32_t count = state->entered_count;
    if (count >= state->entries_count / EMPTY_ALL)
        raw_zero(state->entries, filter_bytes(state->entries_log2));
    else
        for (uint32_t i = 0; i < count; i++)
            ((struct filter_entry *)((uintptr_t)state->entries + state->entered[i]))->tag = 0;
    state->entered_count = 0;
}

void access_new_generation(struct access_state *state)
{
    if (state->gather_count) {
        gather_write(thread_current, state); /* which comes back here */
        return;
    }
    state->generation++;
    access_fast.marked = 0;
    filter_empty(state);
    if (UNLIKELY(patch_words[0] | access_fast.gathering))
        access_words_renew(state);
}

/* ---- the state's life ---- */

static bool state_attach(struct thread *thread, struct access_state *state)
{
    if (!shadow_attach(state))
        return false;
    uint32_t *list;
    struct filter_entry *entries = filter_get(FILTER_FIRST, &list);
    if (!entries)
        return false;
    access_fast.guard = &thread->busy;
    access_fast.life = &shim_state;
    filter_use(state, entries, list, FILTER_FIRST);
    state->exact_left = shim_options.sites;
    access_fast.gathering = shim_options.gather && !shim_options.sites && patch_on;
    access_new_generation(state);
    state->task = 0;
    state->ignore[0] = state->ignore[1] = 0;
    state->fence_segment = 0;
    state->pending_count = 0;
    return true;
}

struct access_state *access_state_make(struct thread *thread)
{
    struct access_state *state = memory_get(sizeof *state);
    if (!state || !state_attach(thread, state))
        return NULL;
    thread->access = state;
    return state;
}

void access_thread_start(struct thread *thread)
{
    struct access_state *state = thread->access; /* of an earlier task of this slot */
    if (state && !state->entries && !state_attach(thread, state)) {
        thread->access = NULL;
        return;
    }
    if (!access_on || access_alone())
        return;
    state = access_state_get(thread);
    if (state)
        open_sync(thread, state);
}

void access_thread_end(struct thread *thread)
{
    struct access_state *state = thread->access;
    if (!state || !state->entries)
        return;
    open_flush(thread, state);
    access_fast.reads = access_fast.writes = (struct filter){&nothing, 0};
    access_fast.guard = no_guard;
    access_fast.table = access_no_open;
    access_fast.gathering = 0;
    if (patch_words[0])
        access_words_renew(state);
    __atomic_store_n(&state->shown, 0, __ATOMIC_RELEASE);
    filter_put(state->entries, state->entered, state->entries_log2);
    state->entries = NULL;
    shadow_detach(state);
}

void access_fork_child(struct thread *thread)
{
    filter_fork_child();
    forget_fork_child();
    shadow_fork_child();
    struct access_state *state = thread->access;
    if (!state || !state->entries)
        return;
    state->task = 0;
    state->words = NULL;
    access_fast.context_top = NULL;
    access_fast.table =
        access_no_open; /* the parent's: what is open in it is the parent's to write */
    raw_zero(access_fast.order, sizeof access_fast.order);
    state->told_first = 0;
    state->gather_count = state->gather_order.aside = 0;
    park_forget(state);
    state->fence_segment = 0;
    state->pending_count = 0;
    access_new_generation(state);
}

void access_new_segment(struct thread *thread)
{
    struct access_state *state = thread->access;
    if (state && state->entries) {
        access_fast.gathering = shim_options.gather && !shim_options.sites && patch_on;
        state->exact_left = shim_options.sites;
        access_new_generation(state);
    }
    access_fast.context_top = NULL;
}

void access_ignore(struct access_state *state, uint32_t reads, uint32_t writes)
{
    state->ignore[0] += reads;
    state->ignore[1] += writes;
    access_fast.context_top = NULL; /* the short way of access_slow does not look */
    if (access_fast.gathering)      /* nor do copies, at lines that the filter knows */
        access_new_generation(state);
}

void access_flush(struct thread *thread)
{
    struct access_state *state = thread->access;
    if (state && state->entries)
        open_flush(thread, state);
}

uint32_t access_gathered(const struct thread *thread)
{
    const struct access_state *state = thread->access;
    return state && state->entries ? state->gather_count : 0;
}

uint32_t access_rest(struct thread *thread)
{
    if (!access_gathered(thread))
        return 0;
    if (thread->busy)
        return access_gathered(thread);
    gather_write(thread, thread->access);
    return 0;
}

/* ---- accesses ---- */

/*
 * `alone`: there is one task, and only the filter is to know. All that it does before there is a second one comes before
 * that one, so it need not come back for the rest of the line: bytes filled in one by one were 8 calls of 9 where main fills
 * a buffer. Not where bytes are marked, which are in no filter.
 */
static NOINLINE void line_record(struct thread *thread, struct access_state *state, uintptr_t line,
                                 uint64_t mask, uint32_t kind, uintptr_t pc, uint32_t slot,
                                 bool alone)
{
    if (alone && !(patch_on && mark_of_line(line)))
        mask = ~UINT64_C(0);
    access_add(thread, state, line, mask, kind, pc, slot, alone, 0);
}

static NOINLINE void range_record(struct thread *thread, struct access_state *state,
                                  uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
{
    if (access_alone() || !open_sync(thread, state))
        return;
    for (size_t done = 0; done < size; done += TRACE_RANGE_MAX) {
        struct trace_access *range = open_record(state, TRACE_ACCESS_RANGE);
        range->kind = kind;
        range->address = address + done;
        range->size = size - done < TRACE_RANGE_MAX ? size - done : TRACE_RANGE_MAX;
        range->pc = pc;
        open_put(thread, state, range);
    }
}

static NOINLINE void lines_record(struct thread *thread, struct access_state *state,
                                  uintptr_t address, size_t size, uint32_t kind, uintptr_t pc,
                                  uint32_t slot, bool alone)
{
    uintptr_t last = (address + size - 1) & ~(uintptr_t)(LINE_BYTES - 1);
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    if (last - line >= (uintptr_t)RANGE_LINES * LINE_BYTES) {
        range_record(thread, state, address, size, kind, pc);
        return;
    }
    line_record(thread, state, line, ~UINT64_C(0) << address % LINE_BYTES, kind, pc, slot, alone);
    while ((line += LINE_BYTES) < last)
        line_record(thread, state, line, ~UINT64_C(0), kind, pc, slot, alone);
    line_record(thread, state, last,
                ~UINT64_C(0) >> (LINE_BYTES - 1 - (address + size - 1) % LINE_BYTES), kind, pc,
                slot, alone);
}

/* `slot`: the site's in the open table. */
static inline void record_in(struct thread *thread, uintptr_t address, size_t size, uint32_t kind,
                             uintptr_t pc, uint32_t slot)
{
    struct access_state *state = access_state_get(thread);
    if (UNLIKELY(!shim_options.accesses)) {
        volume_left_out();
        return;
    }
    if (UNLIKELY(!state || state->ignore[kind & TRACE_KIND_WRITE] || size == 0))
        return;
    if (UNLIKELY(address < LOWEST))
        return;
    bool alone = access_alone();
    if (!open_current(thread, state) && !alone && !open_ready(thread, state))
        return;
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    if (LIKELY(access_in_line(address, size))) {
        line_record(thread, state, line, access_mask(address, size), kind, pc, slot, alone);
    } else {
        lines_record(thread, state, address, size, kind, pc, slot, alone);
    }
}

void access_record(struct thread *thread, uintptr_t address, size_t size, uint32_t kind,
                   uintptr_t pc)
{
    record_in(thread, address, size, kind, pc, open_slot(pc, kind));
}

void access_deliver(void)
{
    thread_deliver(thread_current);
}

/* Has the stream been told who and where this thread is, so that an access only needs its record? */
static inline bool access_ready(struct thread *thread)
{
    if (LIKELY(access_fast.top == access_fast.context_top))
        return true;
    struct access_state *state = thread->access;
    return state && shim_options.accesses && !(state->ignore[0] | state->ignore[1]) &&
           !access_alone() && open_ready(thread, state);
}

void access_guarded(uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
{
    struct thread *thread = thread_current;
    __builtin_prefetch(
        (const void *)address); /* the program is about to, and may wait 100 ns for it */
    if (LIKELY(access_in_line(address, size) && address >= LOWEST && access_ready(thread)))
        access_add(thread, thread->access, address & ~(uintptr_t)(LINE_BYTES - 1),
                   access_mask(address, size), kind, pc, open_slot(pc, kind), false, 0);
    else
        access_record(thread, address, size, kind, pc);
    thread_leave(thread);
}

/* By a library function that patched code called: the call's stack is captured where a record needs it. */
static NOINLINE void access_called(struct thread *thread, uintptr_t address, size_t size,
                                   uint32_t kind, uintptr_t pc)
{
    struct access_state *state = access_state_get(thread);
    if (state) {
        access_stack_of_call(state, pc, (uintptr_t)__builtin_frame_address(0));
        access_record(thread, address, size, kind, pc);
        access_stack(state, 0);
    }
    thread_leave(thread);
}

void access_slow(uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    if (UNLIKELY(patch_on) && kind & TRACE_KIND_RANGE && module_patched(pc))
        access_called(thread, address, size, kind, pc);
    else
        access_guarded(address, size, kind, pc);
}

/* ---- unmodified code: see patch_access.c ---- */

uint32_t access_record_of(struct thread *thread, struct access_state *state, uintptr_t address,
                          const struct patch_site *site, uint32_t number, uint32_t stack)
{
    uint32_t size = site->size, kind = site->kind, slot = site->slot;
    uintptr_t pc = site->pc + 1, line = address & ~(uintptr_t)(LINE_BYTES - 1);
    bool usual = shim_options.accesses && !(state->ignore[0] | state->ignore[1]), near = false;
    access_stack(state, stack);
    state->gather_site = number;
    if (UNLIKELY(!usual) || UNLIKELY(!access_in_line(address, size)) ||
        UNLIKELY(address < LOWEST)) {
        record_in(thread, address, size, kind, pc, slot);
        near = usual && open_current(thread, state);
    } else if (open_current(thread, state) || LIKELY(open_ready(thread, state))) {
        if (!access_more_in(slot, address, size, kind, pc))
            access_add(thread, state, line, access_mask(address, size), kind, pc, slot, false,
                       UNLIKELY(mark_of_line(line)) ? 0 : number);
        near = true;
    }
    access_stack(state, 0);
    state->gather_site = 0;
    return near && access_fast.table != access_no_open ? context_present() : 0;
}

void access_line(struct thread *thread, uintptr_t line, uint64_t mask, uint32_t kind, uintptr_t pc)
{
    struct access_state *state = access_state_get(thread);
    if (!state || state->ignore[kind & TRACE_KIND_WRITE] || !shim_options.accesses || line < LOWEST)
        return;
    bool alone = access_alone();
    if (alone || open_current(thread, state) || open_ready(thread, state))
        line_record(thread, state, line, mask, kind, pc, open_slot(pc, kind), alone);
}
