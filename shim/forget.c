/*
 * What one thread takes out of the filters of all: lines with bytes that are used for synchronisation from now on, and
 * what was done while there was one task.
 *
 * Invariant: only tags are written, and only by 0, or (where something may be gathered) closed. A filter that changes hands
 * meanwhile is still a filter: what was forgotten is recorded a second time at worst.
 */
#include "shim/access_state.h"

#include "shim/banned.h"
#include "shim/options.h"
#include "shim/task.h"

static inline void tag_forget(struct filter_entry *entry, uint64_t tag)
{
    uint64_t none = shim_options.gather && tag ? tag | FILTER_CLOSED : 0;
    __atomic_compare_exchange_n(&entry->tag, &tag, none, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline void line_forget(uintptr_t entries, uint32_t log2, uintptr_t line)
{
    struct filter reads = {(struct filter_entry *)entries,
                           (((uintptr_t)1 << log2) - 1) * sizeof(struct filter_entry)};
    struct filter writes = {reads.entries + ((size_t)1 << log2),
                            (((uintptr_t)1 << (log2 - 1)) - 1) * sizeof(struct filter_entry)};
    struct filter_entry *both[2] = {filter_entry(&reads, line), filter_entry(&writes, line)};
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t tag = __atomic_load_n(&both[i]->tag, __ATOMIC_RELAXED);
        if (((tag ^ line) & ((UINT64_C(1) << GENERATION_SHIFT) - LINE_BYTES)) == 0)
            tag_forget(both[i], tag);
    }
}

static void thread_forget(struct thread *thread, void *line)
{
    struct access_state *state = __atomic_load_n(&thread->access, __ATOMIC_ACQUIRE);
    uintptr_t shown = state ? __atomic_load_n(&state->shown, __ATOMIC_ACQUIRE) : 0;
    if (shown)
        line_forget(shown & ~(uintptr_t)63, shown & 63, *(const uintptr_t *)line);
}

/*
 * A filter that changes hands meanwhile is still a filter: an entry too many is forgotten at worst. Its thread may be
 * entering the line just now: it looks at the marks once more behind that.
 */
void access_forget_everywhere(uintptr_t line)
{
    task_each_thread(thread_forget, &line);
}

static void thread_forget_all(struct thread *thread, void *data)
{
    (void)data;
    struct access_state *state = __atomic_load_n(&thread->access, __ATOMIC_ACQUIRE);
    uintptr_t shown = state ? __atomic_load_n(&state->shown, __ATOMIC_ACQUIRE) : 0;
    struct filter_entry *entries = (struct filter_entry *)(shown & ~(uintptr_t)63);
    size_t count = shown ? filter_bytes(shown & 63) / sizeof *entries : 0;
    for (size_t i = 0; i < count; i++)
        tag_forget(&entries[i], __atomic_load_n(&entries[i].tag, __ATOMIC_RELAXED));
}

void access_no_longer_alone(void)
{
    task_each_thread(thread_forget_all, NULL);
}
