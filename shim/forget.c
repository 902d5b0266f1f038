/*
 * What one thread takes out of the filters of all: lines with bytes that are used for synchronisation from now on, and
 * what was done while there was one task.
 *
 * Invariant: of filters only tags are written, and only by 0, or (where something may be gathered) closed. A filter that changes hands
 * meanwhile is still a filter: what was forgotten is recorded a second time at worst.
 */
#include "shim/access_state.h"

#include "shim/banned.h"
#include "shim/options.h"
#include "shim/patch.h"
#include "shim/patch_access.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/task.h"

/* ---- words of copies ---- */

/* Held while they are written by others: they lie in memory that goes with its thread. */
static struct spin words_lock;
static volatile uint32_t words_shown; /* how many threads have some */
uint32_t access_forgotten;

void forget_fork_child(void)
{
    spin_reset(&words_lock);
    words_shown = 0;
    patch_words_forget();
    patch_spans_forget();
    patch_words[0] = 0; /* to be shown anew: it is another thread to the kernel */
}

void access_words_renew(struct access_state *state)
{
    bool use = access_fast.gathering;
    patch_words_forget();
    patch_spans_forget();
    if (patch_words[0] == use)
        return;
    patch_words[0] = use;
    spin_lock(&words_lock);
    state->words = use ? patch_words : NULL;
    state->spans = &patch_spans;
    state->words_tid = use ? (uint32_t)raw0(SYS_gettid) : 0;
    __atomic_fetch_add(&words_shown, use ? 1u : UINT32_MAX, __ATOMIC_SEQ_CST);
    spin_unlock(&words_lock);
}

/* A thread may have ended by a system call that nobody saw. */
static void thread_words(struct thread *thread, void *data)
{
    (void)data;
    struct access_state *state = __atomic_load_n(&thread->access, __ATOMIC_ACQUIRE);
    uint64_t *words = state ? state->words : NULL;
    if (!words || raw2(SYS_tkill, state->words_tid, 0) != 0)
        return;
    for (uint32_t i = 1; i < PATCH_WORDS; i++)
        __atomic_store_n(&words[i], 0, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < patch_span_count; i++)
        __atomic_store_n(&state->spans->high[i], 0, __ATOMIC_RELAXED);
}

/*
 * After tags are. A check sets its word and then reads the tag: if it has read the old one, then before the fence, and so
 * the word is there to be made 0. Who shows its words only now reads the new one, since locked instructions are in between
 * on both sides.
 */
static void words_forget(void)
{
    if (LIKELY(!words_shown))
        return;
    __atomic_fetch_add(&access_forgotten, 1, __ATOMIC_SEQ_CST);
    patch_fence();
    spin_lock(&words_lock);
    task_each_thread(thread_words, NULL);
    spin_unlock(&words_lock);
}

/* ---- lines ---- */

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
        if (((tag ^ line) & ~(FILTER_ATOMIC | FILTER_CLOSED)) == 0)
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
    words_forget();
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
    words_forget();
}
