/*
 * The short way of patched code: what a copy's check did not find in the filter, while the thread's context is still the
 * one of its last record (patch_stub.c calls this instead of access_record_of()). All that is kept of the long way is what
 * may change without the thread's doing: a mark of another thread on the line, and the recorder's own end. (Where accesses
 * are not recorded there is no such context.)
 *
 * Invariant: it says true only if the access is recorded and no byte of its lines was marked before; where it says false
 * nothing that the long way would miss has been done.
 */
#include "shim/access_add.h"

#include "shim/banned.h"
#include "shim/context.h"
#include "shim/mark_stack.h"
#include "shim/options.h"
#include "shim/stack_cache.h"

void access_near_forget(uintptr_t line)
{
    access_fast.marked = 1;
    uint32_t slot = 0;
    for (struct trace_open *entry; (entry = open_next(&slot));)
        if (entry->line == line)
            open_near(entry, open_near_word(entry->stride, 0));
}

/* The guard goes up; false: the access must go the long way. */
static inline bool near_begin(struct thread *thread, uintptr_t address)
{
    thread->busy = 1;
    STORE_BARRIER();
    /* Behind that: who ends the process writes what this thread has gathered, once it sees that it is not busy. */
    if (UNLIKELY(shim_state != SHIM_ON)) {
        thread_leave(thread);
        return false;
    }
    __builtin_prefetch((const void *)address); /* the program is about to, and may wait for it */
    return true;
}

static NOINLINE bool near_crossing(uintptr_t address, const struct patch_site *site,
                                   uint32_t number)
{
    struct thread *thread = thread_current;
    uint32_t size = site->size, offset = address % LINE_BYTES, over = offset + size - LINE_BYTES;
    uintptr_t line = address - offset, next = line + LINE_BYTES;
    if (access_crossing_seen(address, size, site->kind & TRACE_KIND_WRITE))
        return true;
    if (UNLIKELY(size > LINE_BYTES || mark_of_line(line) || mark_of_line(next)) ||
        !near_begin(thread, address))
        return false;
    thread->access->gather_site = number;
    bool known = access_add(thread, thread->access, line, ~UINT64_C(0) << offset, site->kind,
                            site->pc + 1, site->slot, false, 0);
    known &= access_add(thread, thread->access, next, ~UINT64_C(0) >> (LINE_BYTES - over),
                        site->kind, site->pc + 1, site->slot, false, number);
    thread->access->gather_site = 0;
    bool marked = !known && (mark_of_line(line) || mark_of_line(next));
    if (UNLIKELY(marked)) {
        access_forget_everywhere(line);
        access_forget_everywhere(next);
    }
    thread_leave(thread);
    return LIKELY(!marked);
}

/* The filter has the bytes, and had the line before if it was `known`. */
static inline bool near_end(struct thread *thread, uintptr_t line, bool known)
{
    if (!known)
        mark_look();
    bool marked = !known && mark_of_line(line); /* since then: as if nothing had been done yet */
    if (UNLIKELY(marked)) {
        access_near_forget(line);
        access_forget_everywhere(line);
    }
    thread_leave(thread);
    return LIKELY(!marked);
}

/* A plain access within a line: one comparison, since its action is 0. */
static inline bool near_is(uintptr_t address, const struct patch_site *site)
{
    uint32_t what;
    __builtin_memcpy(&what, &site->size, sizeof what);
    static_assert(offsetof(struct patch_site, kind) == offsetof(struct patch_site, size) + 2 &&
                      offsetof(struct patch_site, action) ==
                          offsetof(struct patch_site, kind) + 1 &&
                      PATCH_ACCESS == 0,
                  "size, kind, action");
    return LIKELY((what & 0xff00ffffu) + address % LINE_BYTES <= LINE_BYTES);
}

static NOINLINE bool near_gathered(uintptr_t address, const struct patch_site *site,
                                   uint32_t number)
{
    struct thread *thread = thread_current;
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    if (UNLIKELY(!near_is(address, site)))
        return site->action == PATCH_ACCESS && near_crossing(address, site, number);
    if (UNLIKELY(mark_of_line(line)) || !near_begin(thread, address))
        return false;
    bool known = gather_add(thread, thread->access, line, access_mask(address, site->size),
                            site->kind, site->pc + 1, site->slot, false, number);
    return near_end(thread, line, known);
}

static void entry_give(struct filter_entry *entry, uint64_t tag)
{
    if (entry->tag == tag && entry->unseen == ~UINT64_C(0))
        entry->tag = 0;
}

/* A byte of the line is marked. Nothing was recorded yet; where the line has only now been entered, it is forgotten. */
static NOINLINE bool near_marked(struct thread *thread, uintptr_t line)
{
    entry_give(filter_entry(&access_fast.reads, line), line);
    entry_give(filter_entry(&access_fast.writes, line), line);
    access_near_forget(line);
    thread_leave(thread);
    return false;
}

/* Another line of this generation is in the filter's place. Guard up. */
static NOINLINE bool near_rest(struct thread *thread, uintptr_t address,
                               const struct patch_site *site, uint32_t number)
{
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    if (UNLIKELY(mark_of_line(line)))
        return near_marked(thread, line);
    bool known = access_add(thread, thread->access, line, access_mask(address, site->size),
                            site->kind, site->pc + 1, site->slot, false, number);
    return near_end(thread, line, known);
}

/* The filter has the bytes already, of which `fresh`, if any, are still to be recorded; and the site's entry is in use. */
static NOINLINE bool near_add(struct thread *thread, uintptr_t line, const struct patch_site *site,
                              uint64_t fresh, uint32_t number)
{
    struct trace_open *entry = &access_fast.table[site->slot];
    if (LIKELY(fresh)) {
        bool same = entry->pc == site->pc + 1 && open_who_of(entry) == open_who(site->kind);
        if (same && entry->line == line) {
            entry->mask |= fresh;
            open_near(entry, open_near_word(entry->stride, number));
        } else if (!same || !open_extend(entry, line, fresh, number)) {
            return open_go_on(thread, entry, line, fresh, site, number);
        }
    }
    thread_leave(thread);
    return true;
}

/* A place of the filter becomes that of `tag`, unless another line of this generation has it: then false. */
static inline bool entry_take(struct access_state *state, struct filter_entry *entry, uint64_t tag)
{
    if (entry->tag == tag)
        return true;
    if (entry->tag)
        return false;
    filter_enter(state, entry, tag);
    return true;
}

/* The filter has the line, or a place for it; the bytes are new to `news`, or some of them are not. */
static inline bool near_open(struct thread *thread, uintptr_t address,
                             const struct patch_site *site, uint32_t number,
                             struct filter_entry *reads, struct filter_entry *news)
{
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    mark_look();
    if (UNLIKELY(mark_of_line(line)))
        return near_marked(thread, line);
    uint64_t mask = access_mask(address, site->size), fresh = mask & news->unseen;
    reads->unseen &= ~mask;
    if (news != reads)
        news->unseen &= ~mask;
    struct trace_open *entry = &access_fast.table[site->slot];
    if (UNLIKELY(!fresh) || entry->mask)
        return near_add(thread, line, site, fresh, number);
    open_use(site->slot);
    open_fill(entry, line, fresh, site->kind, site->pc + 1, number);
    thread_leave(thread);
    return true;
}

static NOINLINE bool near_write(struct thread *thread, uintptr_t address,
                                const struct patch_site *site, uint32_t number)
{
    struct access_state *state = thread->access;
    uint64_t tag = address & ~(uintptr_t)(LINE_BYTES - 1);
    struct filter_entry *reads = filter_entry(&access_fast.reads, address),
                        *writes = filter_entry(&access_fast.writes, address);
    if (UNLIKELY(!entry_take(state, writes, tag) || !entry_take(state, reads, tag)))
        return near_rest(thread, address, site, number);
    return near_open(thread, address, site, number, reads, writes);
}

/*
 * Only what most accesses of short segments need, which come here with each line anew. The marks are looked at once, behind
 * the entry: whoever marks a byte later makes this thread forget the line. Guard up, nothing gathered.
 */
static inline bool near_exact(struct thread *thread, uintptr_t address,
                              const struct patch_site *site, uint32_t number)
{
    if (site->kind & TRACE_KIND_WRITE)
        return near_write(thread, address, site, number);
    struct access_state *state = thread->access;
    struct filter_entry *reads = filter_entry(&access_fast.reads, address);
    if (UNLIKELY(!entry_take(state, reads, address & ~(uintptr_t)(LINE_BYTES - 1))))
        return near_rest(thread, address, site, number);
    return near_open(thread, address, site, number, reads, reads);
}

bool access_near(uintptr_t address, const struct patch_site *site, uint32_t number)
{
    if (UNLIKELY(access_fast.gathering) || UNLIKELY(!near_is(address, site)))
        return near_gathered(address, site, number);
    struct thread *thread = thread_current;
    if (!near_begin(thread, address))
        return false;
    return near_exact(thread, address, site, number);
}

/* ---- after a call or a return ---- */

/* The context is that of the stack found last, with what is held now, and the stream knows it. Guard up. */
static inline bool context_easy(struct thread *thread, struct access_state *state,
                                const struct patch_site *site, uintptr_t sp)
{
    uint32_t stack = stack_last(thread, site->pc - site->function, sp);
    if (UNLIKELY(!stack) || UNLIKELY(!shim_options.accesses) ||
        UNLIKELY(state->ignore[0] | state->ignore[1]))
        return false;
    if ((state->segment != thread->segment || state->task != thread->task) &&
        UNLIKELY(!open_sync(thread, state)))
        return false;
    access_fast.context_top = NULL; /* it will not be the shadow stack's */
    return LIKELY(context_of_stack_again(thread, state, stack)) &&
           LIKELY(access_fast.table != access_no_open);
}

/* patch_arrive() and access_near() in one, where nothing is unusual. */
bool access_arrived(uintptr_t address, const struct patch_site *site, uint32_t number, uintptr_t sp)
{
    struct thread *thread = thread_current;
    if (UNLIKELY((uintptr_t)thread <= THREAD_NONE || thread->busy || patch_nests) ||
        UNLIKELY(!near_is(address, site)) || UNLIKELY(address < LOWEST) ||
        UNLIKELY(sp - PATCH_RED_ZONE > mark_stack.due)) /* patch_arrive() sees to it */
        return false;
    struct access_state *state = thread->access;
    if (UNLIKELY(!state || access_alone()) || !near_begin(thread, address))
        return false;
    if (UNLIKELY(!context_easy(thread, state, site, sp))) {
        thread_leave(thread);
        return false;
    }
    patch_thread.context = context_present();
    if (LIKELY(!access_fast.gathering))
        return near_exact(thread, address, site, number);
    thread_leave(thread);
    return patch_thread.context &&
           near_gathered(address, site, number); /* a signal may have come */
}
