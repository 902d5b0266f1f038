/*
 * Records of accesses, and what they need around them: the task and segment they belong to, the context (call stack and
 * held set) they were made in, both written only when a record needs them.
 *
 * The open table merges what one site does to one line, and to lines in a row, into one record. It lies in the mapped
 * header of the stream, so that a SIGKILL loses none of it. Invariant: all open entries belong to the task and segment
 * that the stream names last, and their contexts are within the window. So do the parked: see park.c.
 */
#include "shim/open.h"

#include "shim/banned.h"
#include "shim/context.h"
#include "shim/go.h"
#include "shim/mark.h"
#include "shim/object.h"
#include "shim/options.h"
#include "shim/own_stack.h"
#include "shim/patch.h"
#include "shim/raw.h"
#include "shim/stack.h"
#include "shim/stream.h"
#include "shim/table.h"
#include "trace/line.h"

#define CONTEXT_SWEEP 128u /* every so many contexts, open entries with old ones are written */
#define PARK_AFTER    256u /* entries left: segments that do less are not worth a second table */
#define CONTEXT_LAST  0xfff00000u /* the numbers begin again before they run out */

/* ---- open entries ---- */

static NOINLINE uint8_t *run_put(struct access_state *state, uint8_t *p,
                                 const struct trace_open *entry)
{
    int stride = entry->stride < 0 ? -1 : 1;
    uint64_t back = (uint64_t)entry->run * LINE_BYTES;
    uint64_t first = stride < 0 ? entry->line + back : entry->line - back;
    bool one = entry->run_mask == entry->mask;
    p = trace_line_put(&state->codec, p, entry->kind, entry->pc, first, entry->run_mask,
                       entry->context, one ? entry->run : entry->run - 1, stride);
    if (one)
        return p;
    return trace_line_put(&state->codec, p, entry->kind, entry->pc, entry->line, entry->mask,
                          entry->context, 0, 1);
}

static inline __attribute__((always_inline)) uint8_t *entry_put(struct access_state *state,
                                                                uint8_t *p,
                                                                const struct trace_open *entry)
{
    if (UNLIKELY(entry->run))
        return run_put(state, p, entry);
    return line_put(&state->codec, p, entry->kind, entry->pc, entry->line, entry->mask,
                    entry->context);
}

static inline void entry_empty(struct trace_open *entry)
{
    entry->mask = 0;
    entry->line = 0;
    entry->run = 0;
}

static inline __attribute__((always_inline)) void entry_tell(struct thread *thread,
                                                             struct access_state *state,
                                                             const struct trace_open *entry)
{
    uint8_t *p = stream_begin(&thread->access_stream);
    if (LIKELY(p))
        stream_commit(&thread->access_stream, entry_put(state, p, entry));
    STORE_BARRIER();
}

/* The entry is cleared after its record is whole: a SIGKILL in between shows it twice, which is harmless. It stays in
 * use: for callers that fill it again, or tidy up. */
void open_emit(struct thread *thread, struct access_state *state, struct trace_open *entry)
{
    entry_tell(thread, state, entry);
    entry_empty(entry);
}

/* The entry is cleared after it was parked: a SIGKILL in between shows it twice. */
void open_leave(struct thread *thread, struct access_state *state, struct trace_open *entry)
{
    if (UNLIKELY(state->exact_left == 1) && shim_options.gather && patch_on)
        gather_begin(state);
    state->exact_left--;
    if (state->unparked) {
        state->unparked--;
        open_emit(thread, state, entry);
        return;
    }
    if (!park_put(thread, state, entry)) {
        open_emit(thread, state, entry);
        return;
    }
    STORE_BARRIER();
    entry->mask = 0;
    open_near(entry, 0);
}

bool open_go_on(struct thread *thread, struct trace_open *entry, uintptr_t line, uint64_t mask,
                const struct patch_site *site, uint32_t number)
{
    struct access_state *state = thread->access;
    if (LIKELY(state->unparked) && LIKELY(state->exact_left != 1)) {
        state->exact_left--;
        state->unparked--;
        entry_tell(thread, state, entry);
        entry->mask = 0;
        STORE_BARRIER();
    } else {
        open_leave(thread, state, entry);
    }
    open_fill(entry, line, mask, site->kind, site->pc + 1, number);
    thread_leave(thread);
    return true;
}

/* All slots in use are in told[] then, so many, and in use no more. */
static uint32_t order_end(struct access_state *state)
{
    uint32_t count = state->told_first;
    state->told_first = 0;
    for (uint32_t i = 0; i < count; i++)
        access_fast.order[state->told[i] / 64] &= ~(UINT64_C(1) << state->told[i] % 64);
    for (uint32_t word = 0; word < TRACE_OPEN_ENTRIES / 64; word++) {
        for (uint64_t left = access_fast.order[word]; left; left &= left - 1)
            state->told[count++] = (uint8_t)(word * 64 + (unsigned)__builtin_ctzll(left));
        access_fast.order[word] = 0;
    }
    return count;
}

void open_flush(struct thread *thread, struct access_state *state)
{
    if (UNLIKELY(state->parked))
        park_write(thread, state);
    gather_write(thread, state);
    struct stream *stream = &thread->access_stream;
    struct trace_open *table = access_fast.table;
    const uint8_t *slot = state->told, *end = slot + order_end(state);
    while (slot != end) {
        const uint8_t *first = slot, *last = end - slot > BATCH_MAX ? slot + BATCH_MAX : end;
        uint8_t *p = stream_begin(stream);
        if (LIKELY(p)) {
            for (; slot != last; slot++)
                if (LIKELY(table[*slot].mask))
                    p = entry_put(state, p, &table[*slot]);
            stream_commit(stream, p);
        }
        STORE_BARRIER(); /* as in open_emit() */
        for (slot = first; slot != last; slot++)
            entry_empty(&table[*slot]);
    }
}

/* After some entries were written out of turn: those that are left. */
static void order_tidy(struct access_state *state)
{
    uint32_t slot = 0;
    state->told_first = 0;
    for (struct trace_open *entry; (entry = open_next(&slot));)
        if (!entry->mask)
            access_fast.order[(slot - 1) / 64] &= ~(UINT64_C(1) << (slot - 1) % 64);
}

void open_flush_range(struct thread *thread, struct access_state *state, uintptr_t low,
                      uintptr_t high)
{
    if (state->parked)
        park_write_range(thread, state, low, high);
    uint32_t slot = 0;
    for (struct trace_open *entry; (entry = open_next(&slot));) {
        uint64_t back = (uint64_t)entry->run * LINE_BYTES;
        uint64_t first = entry->stride < 0 ? entry->line : entry->line - back;
        uint64_t end = (entry->stride < 0 ? entry->line + back : entry->line) + LINE_BYTES;
        if (entry->mask && first < high && low < end)
            open_emit(thread, state, entry);
    }
    order_tidy(state);
}

static void open_sweep(struct thread *thread, struct access_state *state)
{
    if (state->parked && state->codec.context > CONTEXT_OLD)
        park_write_old(thread, state, state->codec.context - CONTEXT_OLD);
    if (state->gather_count && state->codec.context > CONTEXT_OLD)
        gather_write_old(thread, state, state->codec.context - CONTEXT_OLD);
    uint32_t slot = 0;
    for (struct trace_open *entry; (entry = open_next(&slot));)
        if (entry->mask && state->codec.context - entry->context > CONTEXT_OLD)
            open_emit(thread, state, entry);
    order_tidy(state);
}

/* ---- whose accesses these are ---- */

static bool record_write(struct thread *thread, struct access_state *state,
                         const struct trace_access *record)
{
    uint8_t *p = stream_begin(&thread->access_stream);
    if (!p)
        return false;
    stream_commit(&thread->access_stream, trace_access_put(&state->codec, p, record));
    return true;
}

static void context_reset(struct access_state *state)
{
    access_fast.context = 0;
    access_fast.context_top = NULL;
    state->held_written = 0;
    state->depth_written = 0;
    state->low_written = 0;
    state->stack_present = 0;
    state->stack_written = 0;
    state->context_salt +=
        0x9e3779b97f4a7c15u; /* forgets what is in contexts[] without touching it */
}

static bool switch_write(struct thread *thread, struct access_state *state);

/* The main task's first segment stands before all others in its stream, also if its OS thread carries another task by now. */
static bool main_before(struct thread *thread, struct access_state *state)
{
    struct go *own = thread->go != thread->go_own ? thread->go_own : NULL;
    struct trace_task *record = own ? table_slot(&table_tasks, own->task) : NULL;
    if (!record || (record->flags & (TRACE_TASK_MAIN | TRACE_TASK_STACK_SEEN)) != TRACE_TASK_MAIN)
        return true;
    struct trace_task *present = thread->record;
    uint32_t task = thread->task;
    uint64_t segment = thread->segment;
    struct go *go = thread->go;
    thread->go = own;
    thread->record = record;
    thread->task = own->task;
    thread->segment = 1;
    bool good = switch_write(thread, state);
    thread->go = go;
    thread->record = present;
    thread->task = task;
    thread->segment = segment;
    return good;
}

static void stack_write(struct thread *thread, uintptr_t low, size_t size)
{
    struct trace_access *stack = open_record(thread->access, TRACE_ACCESS_ALLOC);
    stack->kind = TRACE_ALLOC_STACK;
    stack->address = low;
    stack->size = size;
    stack->pc = thread->record->entry;
    stack->tsc = tsc_now();
    record_write(thread, thread->access, stack);
    mark_clear(low, size);
}

/* The first accesses of a task in this stream: whose they are, and that its stack is new memory. */
static NOINLINE bool switch_write(struct thread *thread, struct access_state *state)
{
    if (!main_before(thread, state))
        return false;
    struct trace_open *table = stream_open_table(&thread->access_stream);
    access_fast.table = table ? table : access_no_open;
    if (!table)
        return false;
    if (!thread->access_stream.chunk && state->codec_used)
        raw_zero(&state->codec, sizeof state->codec);
    state->codec_used = true;
    bool again = state->task == thread->task;
    bool seen = thread->record->flags & TRACE_TASK_STACK_SEEN;
    bool blocks = !again && !seen && thread->record->flags & TRACE_TASK_MAIN;
    /* Blocks from the time when there was one task belong to its first segment: every task is after that. */
    struct trace_access *record = open_record(state, TRACE_ACCESS_SWITCH);
    record->task = thread->task;
    record->segment = blocks ? 1 : thread->segment;
    if (!record_write(thread, state, record))
        return false;
    context_reset(state);
    state->task = thread->task;
    state->segment = thread->segment;
    const struct trace_task *task = thread->record;
    if (again)
        return true;
    thread->record->flags |= TRACE_TASK_STACK_SEEN;
    if (blocks) {
        block_write(thread, state);
        record = open_record(state, TRACE_ACCESS_SEGMENT);
        record->segment = thread->segment;
        return thread->segment == 1 || record_write(thread, state, record);
    } else if (task->stack_low < task->stack_high && !seen) {
        stack_write(thread, task->stack_low, task->stack_high - task->stack_low);
        uintptr_t low;
        size_t size;
        if (task->kind == TRACE_TASK_THREAD && own_stack_beside(&low, &size))
            stack_write(thread, low, size);
    }
    return true;
}

static inline bool segment_write(struct thread *thread, struct access_state *state)
{
    uint8_t *p = stream_begin(&thread->access_stream);
    if (!p)
        return false;
    stream_commit(&thread->access_stream, segment_put(&state->codec, p, thread->segment));
    state->segment = thread->segment;
    return true;
}

#define TIME_GAP (UINT64_C(1) << 21) /* ticks: about a millisecond */

/* When the segment began, as far as accesses tell: a load of machine code may be of a hand-made flag, and the analyzer
 * must know which stores it was made before. */
static NOINLINE void time_write(struct thread *thread, struct access_state *state, uint64_t now)
{
    state->time_written = now;
    struct trace_access *record = open_record(state, TRACE_ACCESS_TIME);
    record->tsc = now;
    record_write(thread, state, record);
}

bool open_sync(struct thread *thread, struct access_state *state)
{
    if (state->segment == thread->segment && state->task == thread->task)
        return true;
    if (access_fast.order[0] | access_fast.order[1] | state->parked | state->gather_count)
        open_flush(thread, state);
    if (state->unparked < PARK_AFTER)
        state->unparked = PARK_AFTER;
    if (UNLIKELY(state->task != thread->task || state->codec.context > CONTEXT_LAST))
        return switch_write(thread, state);
    if (!segment_write(thread, state))
        return false;
    if (patch_on) {
        uint64_t now = tsc_now();
        if (UNLIKELY(now - state->time_written >= TIME_GAP))
            time_write(thread, state, now);
    }
    return true;
}

void open_put(struct thread *thread, struct access_state *state, struct trace_access *record)
{
    record->context = open_context(thread, state);
    record_write(thread, state, record);
}

/* ---- contexts ---- */

static void held_list(const struct thread *thread, struct trace_access *record)
{
    record->held_changed = 1;
    record->held_count = thread->held_count < TRACE_HELD_MAX ? thread->held_count : TRACE_HELD_MAX;
    for (uint32_t i = 0; i < record->held_count; i++) {
        record->held[i].object = object_name(thread->held[i].object);
        record->held[i].mode = thread->held[i].mode;
    }
}

/* The stream's context becomes frames[0, depth), which have this name, and the present held set. */
static bool context_write(struct thread *thread, struct access_state *state, const uint64_t *frames,
                          uint32_t depth, uint64_t name)
{
    bool known = trace_stack_known(&state->codec, name);
    uint32_t from = known ? depth : state->low_written < depth ? state->low_written : depth;
    struct trace_access *record = &state->context;
    record->type = TRACE_ACCESS_CONTEXT;
    record->pops = known ? 0 : state->depth_written - from;
    record->held_changed = 0;
    record->held_name = thread->held_hash;
    if (thread->held_hash != state->held_written)
        held_list(thread, record);
    do {
        uint32_t pushes =
            depth - from < TRACE_CONTEXT_PUSH_MAX ? depth - from : TRACE_CONTEXT_PUSH_MAX;
        record->pushes = pushes;
        for (uint32_t i = 0; i < pushes; i++)
            record->push[i] = frames[from + i];
        from += pushes;
        record->stack_name = from == depth ? name : 0;
        if (state->codec.context % CONTEXT_SWEEP == 0)
            open_sweep(thread, state);
        if (!record_write(thread, state, record))
            return false;
        state->depth_written = state->low_written = from;
        state->held_written = thread->held_hash;
        record->pops = 0;
        record->held_changed = 0;
    } while (from < depth);
    return true;
}

void open_put_with(struct thread *thread, struct access_state *state, struct trace_access *record,
                   const uint64_t *frames, uint32_t count)
{
    state->low_written = 0;
    if (!context_write(thread, state, frames, count, 0))
        return;
    state->low_written = 0; /* these frames are not the thread's own */
    state->stack_written = 0;
    state->stack_present = 0;
    access_fast.context_top = NULL;
    record->context = state->codec.context;
    record_write(thread, state, record);
}

/* A place for one that is not known: the oldest's. */
static struct context_seen *context_place(struct access_state *state, uint64_t hash)
{
    struct context_seen *place = &state->contexts[hash % CONTEXT_CACHE];
    for (uint32_t way = 1; way < CONTEXT_WAYS; way++) {
        struct context_seen *seen = &state->contexts[hash % CONTEXT_CACHE ^ way];
        if (seen->number < place->number)
            place = seen;
    }
    *place = (struct context_seen){.hash = hash};
    return place;
}

/* How many frames, from the outermost on, two stacks share. */
static uint32_t stacks_share(const uint64_t *a, uint32_t a_count, const uint64_t *b,
                             uint32_t b_count)
{
    uint32_t same = 0;
    while (same < a_count && same < b_count && a[a_count - 1 - same] == b[b_count - 1 - same])
        same++;
    return same;
}

const uint64_t *open_frames(uint32_t stack, uint32_t *count)
{
    const uint64_t *frames = stack_frames(stack & ~ACCESS_STACK_CALLED, count);
    uint32_t own = stack & ACCESS_STACK_CALLED && *count ? 1 : 0;
    *count -= own;
    return frames + own;
}

/* The context of unmodified code: its frames are those of a captured stack. */
static NOINLINE void context_of_stack(struct thread *thread, struct access_state *state)
{
    if (state->stack == ACCESS_STACK_OF_CALL)
        state->stack =
            stack_here_rationed(thread, state->call_pc, state->call_frame) | ACCESS_STACK_CALLED;
    if (context_of_stack_again(thread, state, state->stack))
        return;
    state->stack_present = state->stack;
    access_fast.held = thread->held_hash;
    uint64_t outermost_first[TRACE_STACK_DEPTH];
    uint32_t depth, before;
    const uint64_t *frames = open_frames(state->stack, &depth);
    const uint64_t *old = open_frames(state->stack_written, &before);
    for (uint32_t i = 0; i < depth; i++)
        outermost_first[i] = frames[depth - 1 - i];
    state->low_written = state->stack_written ? stacks_share(old, before, frames, depth) : 0;
    state->stack_written = state->stack;
    struct context_seen *place =
        context_place(state, context_hash_of_stack(thread, state, state->stack));
    if (context_write(thread, state, outermost_first, depth, mix(1, state->stack)))
        context_use(place->number = state->codec.context);
}

/* The shadow stack, from `low` on, is not what it was: hashes of its frames. */
static NOINLINE void shadow_hash(struct shadow *shadow, uint32_t low, uint32_t depth)
{
    for (uint32_t i = low; i < depth; i++)
        shadow->hash[i + 1] = mix(shadow->hash[i], shadow->pc[i]);
}

static NOINLINE void context_new(struct thread *thread, struct access_state *state, uint64_t hash,
                                 uint32_t depth)
{
    struct context_seen *seen = context_place(state, hash);
    if (context_write(thread, state, state->shadow->pc, depth, state->shadow->hash[depth]))
        context_use(seen->number = state->codec.context);
}

static void context_change(struct thread *thread, struct access_state *state)
{
    if (UNLIKELY(state->stack)) {
        context_of_stack(thread, state);
        return;
    }
    state->stack_present = 0;
    if (UNLIKELY(state->stack_written)) {
        state->stack_written = 0;
        state->low_written = 0; /* those frames were not the shadow stack's */
    }
    struct shadow *shadow = state->shadow;
    uint64_t *top = access_fast.top;
    uint64_t **low_place = UNLIKELY(state->overflow) ? &state->low_saved : &access_fast.low;
    uint32_t depth = (uint32_t)(top - shadow->pc), low = (uint32_t)(*low_place - shadow->pc);
    if (low < depth)
        shadow_hash(shadow, low, depth);
    if (low < state->low_written)
        state->low_written = low;
    *low_place = top;
    bool all = shim_options.accesses && !(state->ignore[0] | state->ignore[1]);
    access_fast.context_top = all ? top : NULL;
    access_fast.held = thread->held_hash;

    uint64_t hash = mix(shadow->hash[depth] ^ state->context_salt, thread->held_hash);
    const struct context_seen *seen = context_known(state, hash);
    if (LIKELY(seen))
        context_use(seen->number);
    else
        context_new(thread, state, hash, depth);
}

uint32_t open_context(struct thread *thread, struct access_state *state)
{
    if (!open_current(thread, state))
        context_change(thread, state);
    return context_present();
}

/* The usual change of context: no frame came or went, and the stream knows what is held now together with them. */
static inline bool context_again(const struct thread *thread, struct access_state *state)
{
    struct shadow *shadow = state->shadow;
    uint64_t *top = access_fast.top;
    if (top != access_fast.low || state->stack | state->stack_written | state->ignore[0] |
                                      state->ignore[1] | !shim_options.accesses)
        return false;
    size_t depth = (size_t)(top - shadow->pc);
    uint64_t hash = mix(shadow->hash[depth] ^ state->context_salt, thread->held_hash);
    const struct context_seen *seen = context_known(state, hash);
    if (!seen)
        return false;
    state->stack_present = 0;
    if (depth < state->low_written)
        state->low_written = (uint32_t)depth;
    access_fast.context_top = top;
    access_fast.held = thread->held_hash;
    context_use(seen->number);
    return true;
}

bool open_ready(struct thread *thread, struct access_state *state)
{
    if ((state->segment != thread->segment || state->task != thread->task) &&
        UNLIKELY(!open_sync(thread, state)))
        return false;
    if (state->stack ? !context_of_stack_again(thread, state, state->stack)
                     : !context_again(thread, state))
        context_change(thread, state);
    return true;
}

uint32_t access_context_of(struct thread *thread, struct access_state *state, uint32_t stack)
{
    if (UNLIKELY(!shim_options.accesses) || UNLIKELY(state->ignore[0] | state->ignore[1]))
        return 0;
    if ((state->segment != thread->segment || state->task != thread->task) &&
        UNLIKELY(!open_sync(thread, state)))
        return 0;
    access_fast.context_top = NULL; /* it will not be the shadow stack's */
    if (UNLIKELY(!stack) || !context_of_stack_again(thread, state, stack)) {
        access_stack(state, stack);
        if (!open_current(thread, state))
            context_change(thread, state);
        access_stack(state, 0);
    }
    return access_fast.table != access_no_open ? context_present() : 0;
}
