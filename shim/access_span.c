/*
 * What copies need not ask the filter about (patch_span.c): lines side by side that it knows as wholes are a *run*, which
 * grows when somebody asks, and becomes the span of whose access lies in it.
 *
 * Invariant: all bytes of a run have been recorded in the present generation, in the same way (read, or written), and none
 * is marked. So with a generation all spans are forgotten, and with a line those of all threads, by making `high` 0: `low`
 * stays as it is, since a thread may be between its comparisons. Of a block that begins or ends only runs that overlap it
 * are forgotten. Spans are only set in segments that are gathered, where words may be set, too.
 */
#include "shim/access_state.h"

#include "shim/banned.h"
#include "shim/patch_access.h"

#define LINES_MOST 1024u /* looked at in each direction at once */
#define WAIT_LEAST 6u    /* log2 of known accesses outside a span until C is asked ... */
#define WAIT_MOST  12u /* ... the first time in a generation, and later: twice as many each time */

static bool line_known(const struct filter *filter, uintptr_t line)
{
    const struct filter_entry *entry = filter_entry(filter, line);
    return entry->tag == line && !entry->unseen;
}

/* The run that a known line lies in or is next to, or a new one of this line, in place of the oldest. */
static struct span_run *run_of(struct span_runs *runs, uint32_t write, uintptr_t line)
{
    struct span_run *next = NULL;
    for (uint32_t i = 0; i < SPAN_RUNS; i++) {
        struct span_run *run = &runs->of[write][i];
        if (line - run->low < run->high - run->low)
            return run;
        if (line == run->high || line + LINE_BYTES == run->low)
            next = run;
    }
    if (!next) {
        next = &runs->of[write][runs->oldest[write]++ % SPAN_RUNS];
        *next = (struct span_run){line, line};
    }
    if (line == next->high)
        next->high += LINE_BYTES;
    else
        next->low = line;
    return next;
}

static void run_grow(struct span_run *run, const struct filter *filter)
{
    for (uint32_t i = 0; i < LINES_MOST && line_known(filter, run->high); i++)
        run->high += LINE_BYTES;
    for (uint32_t i = 0; i < LINES_MOST && line_known(filter, run->low - LINE_BYTES); i++)
        run->low -= LINE_BYTES;
}

static void span_ask(struct span_runs *runs, uint64_t generation, const struct patch_site *site,
                     uintptr_t address)
{
    uint32_t write = !!(site->kind & TRACE_KIND_WRITE), number = site->details - 1u;
    const struct filter *filter = write ? &access_fast.writes : &access_fast.reads;
    uint32_t forgotten = __atomic_load_n(&access_forgotten, __ATOMIC_ACQUIRE);
    if (runs->generation != generation || runs->forgotten != forgotten)
        *runs = (struct span_runs){.generation = generation, .forgotten = forgotten};
    patch_spans.left[number] = 1 << (WAIT_LEAST + runs->wait[number]);
    if (runs->wait[number] < WAIT_MOST - WAIT_LEAST)
        runs->wait[number]++;
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    if (!line_known(filter, line))
        return;
    struct span_run *run = run_of(runs, write, line);
    run_grow(run, filter);
    if (run->high - run->low < site->size)
        return;
    uint64_t shift = (uint64_t)(int64_t)site->displacement;
    patch_spans.low[number] = run->low - shift;
    patch_spans.high[number] = run->high - shift - site->size + 1;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&access_forgotten, __ATOMIC_RELAXED) != forgotten) /* a line of it, maybe */
        patch_spans.high[number] = 0;
}

void patch_span_ask(const struct patch_site *site)
{
    struct thread *thread = thread_current;
    patch_spans.left[site->details - 1u] = 1 << WAIT_MOST;
    if ((uintptr_t)thread <= 1 || thread->busy || !thread->access || !access_fast.gathering)
        return;
    thread->busy = 1;
    STORE_BARRIER();
    if (LIKELY(shim_state == SHIM_ON) && patch_words[0])
        span_ask(&thread->access->span_runs, thread->access->generation, site,
                 patch_thread.address);
    thread_leave(thread);
}

void patch_spans_forget_range(struct access_state *state, uintptr_t low, uintptr_t high)
{
    if (!patch_words[0])
        return;
    struct span_run *runs = &state->span_runs.of[0][0];
    bool any = false;
    for (uint32_t i = 0; i < 2 * SPAN_RUNS; i++) {
        bool overlaps = runs[i].low < high && runs[i].high > low;
        any |= overlaps;
        if (overlaps)
            runs[i] = (struct span_run){0, 0};
    }
    if (any)
        patch_spans_forget();
}
