/*
 * Call stacks. libunwind needs some microseconds for a stack, too much for every lock. But at the same call site with the
 * same stack pointer, if every return address still stands in the place where it stood when the stack was captured, the
 * stack is the same: the frame of a function at a given pc has a fixed layout, so by induction each caller is the same.
 * So a capture remembers the places, and the next one mostly costs one load and compare per frame.
 */
#include "shim/stack.h"

#include <errno.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "shim/access.h"
#include "shim/banned.h"
#include "shim/module.h"
#include "shim/options.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/stack_cache.h"
#include "shim/vector.h"

#define KNOWN        (1u << 16) /* distinct stacks remembered, so that each is written once */

/*
 * Unwinding for accesses and blocks is rationed: a thread may spend a sixteenth of its time on it. What comes beyond has no call
 * stack but its own place. The unwinder needs up to 10 KB of stack, more than a signal stack or a fiber may have; so it
 * runs on a stack of its own.
 */
#define UNWIND_SHARE 16u
#define UNWIND_FREE  (UINT64_C(1) << 26) /* ticks, about 20 ms: for the first stacks */
#define UNWIND_MOST \
    (UINT64_C(1) << 22) /* ... of one: what takes longer has waited for a processor */
#define UNWIND_STACK 65536u

static struct {
    uint32_t hash, id;
} * stacks_known;
/*
 * Threads in the unwinder, which has locks of its own and takes the dynamic linker's; forks under way, whose children could
 * never have these; and the program's walks over modules, which hold the dynamic linker's.
 */
static volatile uint32_t unwinding, forking, walking;

bool stack_enter(void)
{
    __atomic_fetch_add(&unwinding, 1, __ATOMIC_SEQ_CST);
    if (LIKELY(!forking && !walking))
        return true;
    stack_leave();
    return false;
}

void stack_leave(void)
{
    __atomic_fetch_sub(&unwinding, 1, __ATOMIC_SEQ_CST);
}

void stack_reset(struct thread *thread)
{
    struct stack_cache *cache = thread->stacks;
    if (!cache || ++cache->epoch <= UINT16_MAX)
        return;
    raw_zero(cache->entries, sizeof cache->entries);
    raw_zero(cache->callers, sizeof cache->callers);
    raw_zero(cache->sites, sizeof cache->sites);
    cache->epoch = 0;
}

const uint64_t *stack_frames(uint32_t id, uint32_t *count)
{
    const uint64_t *words = table_slot(&table_stacks, id);
    *count = id ? (uint32_t)words[0] : 0;
    return words + 1;
}

/* ---- the stacks file ---- */

static uint32_t stack_hash(const uint64_t *pcs, uint32_t count)
{
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++)
        hash = (hash ^ pcs[i]) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return (uint32_t)(hash >> 32) | 1;
}

static bool stack_is(uint32_t id, const uint64_t *pcs, uint32_t count)
{
    const uint64_t *words = table_slot(&table_stacks, id);
    if (words[0] != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (words[1 + i] != pcs[i])
            return false;
    return true;
}

static uint32_t stack_write(const uint64_t *pcs, uint32_t count)
{
    uint32_t id = table_take(&table_stacks, count + 1);
    if (!id) {
        __atomic_fetch_add(&process_record()->lost_stacks, 1, __ATOMIC_RELAXED);
        return 0;
    }
    uint64_t *words = table_slot(&table_stacks, id);
    for (uint32_t i = 0; i < count; i++)
        words[1 + i] = pcs[i];
    __atomic_store_n(&words[0], count, __ATOMIC_RELEASE);
    if (stack_enter()) {
        module_refresh();
        stack_leave();
    }
    return id;
}

static struct spin known_lock;

uint32_t stack_put(const uint64_t *pcs, uint32_t count)
{
    return stack_put_list(pcs, count < shim_options.stack_depth ? count : shim_options.stack_depth);
}

uint32_t stack_put_list(const uint64_t *pcs, uint32_t count)
{
    if (!count)
        return 0;
    if (!stacks_known) {
        spin_lock(&known_lock);
        if (!stacks_known)
            stacks_known = memory_get(KNOWN * sizeof *stacks_known);
        spin_unlock(&known_lock);
        if (!stacks_known)
            return stack_write(pcs, count);
    }
    uint32_t hash = stack_hash(pcs, count);
    uint32_t slot = 0;
    for (uint32_t try = 0; try < 8; try++) {
        slot = (hash + try) % KNOWN;
        uint32_t known = __atomic_load_n(&stacks_known[slot].hash, __ATOMIC_ACQUIRE);
        uint32_t id = stacks_known[slot].id;
        if (known == hash && id && stack_is(id, pcs, count))
            return id;
        if (!known)
            break;
    }
    uint32_t id = stack_write(pcs, count);
    stacks_known[slot].id = id;
    __atomic_store_n(&stacks_known[slot].hash, hash, __ATOMIC_RELEASE);
    return id;
}

uint32_t stack_put_text(const char *text, size_t length)
{
    union {
        char text[STACK_TEXT];
        uint64_t words[STACK_TEXT / 8];
    } list = {.words = {0}};
    uint32_t count = 0;
    while (count < length && count < STACK_TEXT && text[count]) {
        list.text[count] = text[count];
        count++;
    }
    return stack_put_list(list.words, (count + 7) / 8);
}

/* ---- capture ---- */

/* What is asked of the unwinder, and its answer. It lies at the low end of the unwinder's stack. */
struct unwinding {
    unw_context_t context;
    const struct trace_module *module; /* of the frame before */
    bool interrupted; /* the context is that of an instruction of the program; else of ourselves: */
    uintptr_t pc,
        low; /* then the answer begins with this return address, which stands above `low` */
    uint32_t limit, count, id;
    uint64_t pcs[TRACE_STACK_DEPTH]; /* return addresses, from the innermost outwards */
    uintptr_t places[TRACE_STACK_DEPTH];
};

/*
 * Beyond code that no module holds (made at run time) the unwinder can only guess by rbp, which is anything there. It looks
 * whether a word can be read by its first page; a JVM's heap ends at 4 GB, its code holds 0xffffffff in rbp, and one run in
 * three ended in a fault of ours.
 */
static bool in_module(struct unwinding *asked, uintptr_t pc)
{
    const struct trace_module *module = asked->module;
    if (module && pc >= module->low && pc < module->high)
        return true;
    module = module_at(pc);
    if (!module) { /* it may have come just now */
        module_refresh();
        module = module_at(pc);
    }
    asked->module = module;
    return module != NULL;
}

static void unwind(void *data)
{
    struct unwinding *asked = data;
    unw_cursor_t cursor;
    uintptr_t top = asked->interrupted ? asked->low : 0;
    if (unw_init_local2(&cursor, &asked->context, asked->interrupted ? UNW_INIT_SIGNAL_FRAME : 0) !=
        0)
        return;
    for (uint32_t steps = 0; asked->count < asked->limit && steps < asked->limit + 16; steps++) {
        unw_word_t ip = 0, sp = 0;
        if (asked->count && !in_module(asked, asked->pcs[asked->count - 1]))
            break;
        if (unw_step(&cursor) <= 0)
            break;
        unw_get_reg(&cursor, UNW_REG_IP, &ip);
        unw_get_reg(&cursor, UNW_REG_SP, &sp);
        if (!asked->interrupted && !asked->count && ip != asked->pc)
            continue; /* still within ourselves */
        if (ip == 0 || (top && sp <= top))
            break;
        top = sp;
        asked->pcs[asked->count] = ip;
        asked->places[asked->count++] =
            sp - 8; /* a caller's stack pointer stands just above the return address into it */
    }
    if (!asked->interrupted && asked->count && asked->places[0] < asked->low)
        asked->count = 0;
    asked->id = stack_put(asked->pcs, asked->count);
}

/* Around fork: `pc` and what the instrumented functions pushed. */
static uint32_t stack_without_unwinder(uintptr_t pc)
{
    uint64_t pcs[TRACE_STACK_DEPTH];
    uint32_t shadow, count = 0;
    const uint64_t *pushed = access_shadow(&shadow);
    pcs[count++] = pc;
    while (shadow && count < TRACE_STACK_DEPTH)
        pcs[count++] = pushed[--shadow];
    return stack_put(pcs, count);
}

/*
 * Where on its stack a frame lies, for the cache: of a thread the address. Goroutines come and go on many stacks; but a
 * stack is of one shape however far from its own end it lies, so what one has left may be found by another.
 */
static inline uintptr_t frame_place(const struct thread *thread, uintptr_t frame)
{
    if (LIKELY(thread->go == thread->go_own))
        return frame;
    uintptr_t below = thread->record->stack_high - frame;
    return below <= thread->record->stack_high - thread->record->stack_low ? below : frame;
}

/* What was captured is remembered, with where it stands; not if that cannot be verified next time. */
static void entry_keep(struct stack_entry *entry, uint32_t id, uintptr_t key, uintptr_t place,
                       uintptr_t frame, const uint64_t *pcs, const uintptr_t *places,
                       uint32_t count)
{
    entry->key = 0;
    for (uint32_t i = 0; i < count; i++) {
        uintptr_t above = places[i] - frame;
        if (above % 8 || above / 8 > UINT16_MAX || *(uint64_t *)places[i] != pcs[i])
            return; /* not where we think: never reuse */
        entry->place[i] = (uint16_t)(above / 8);
    }
    entry->frame = place;
    entry->count = count;
    entry->id = id;
    entry->key = key;
}

static inline struct stack_entry *set_of(struct stack_entry *entries, uint32_t size, uintptr_t key,
                                         uintptr_t place)
{
    uint64_t hash = key * 0x9e3779b97f4a7c15u ^ (place >> 4) * 0xff51afd7ed558ccdu;
    return &entries[(hash >> 40) % (size / STACK_WAYS) * STACK_WAYS];
}

static inline struct stack_entry *entry_find(struct stack_entry *set, uintptr_t key,
                                             uintptr_t place, uintptr_t frame)
{
    for (uint32_t way = 0; way < STACK_WAYS; way++)
        if (LIKELY(set[way].key == key && set[way].frame == place && entry_holds(&set[way], frame)))
            return &set[way];
    return NULL;
}

/*
 * One call site at one place may have hundreds of callers (jemalloc's lock, when redis asks for its statistics: 3,700 stacks
 * a second were unwound again). Where such a site's caller stands is known from any stack of it, so callers have sets of
 * their own, by their return address. NULL: no stack of this site is known, or it has no caller.
 */
static inline struct stack_entry *set_of_caller(struct stack_cache *cache,
                                                const struct stack_entry *set, uintptr_t key,
                                                uintptr_t place, uintptr_t frame)
{
    for (uint32_t way = 0; way < STACK_WAYS; way++)
        if (set[way].key == key && set[way].frame == place && set[way].count > 1) {
            uintptr_t caller = ((const uintptr_t *)frame)[set[way].place[1]];
            return set_of(cache->callers, STACK_CALLERS, key ^ caller << 1, place);
        }
    return NULL;
}

static bool stacks_ready(struct thread *thread)
{
    if (LIKELY(thread->stacks))
        return true;
    thread->stacks = memory_get(sizeof *thread->stacks);
    if (!thread->stacks)
        return false;
    thread->stacks->since = tsc_now();
    return true;
}

static struct unwinding *unwinding_of(struct stack_cache *cache)
{
    if (!cache->unwind_stack)
        cache->unwind_stack = memory_get(UNWIND_STACK);
    struct unwinding *asked = (struct unwinding *)cache->unwind_stack;
    if (asked) {
        asked->limit = shim_options.stack_depth;
        asked->count = asked->id = 0;
        asked->module = NULL;
    }
    return asked;
}

/*
 * False: a fork is under way, or a walk over modules. No signal may come meanwhile: in a handler on a signal stack the kernel would take the
 * unwinder's stack for the normal one, and put the next handler over the frames of the present one.
 */
static bool unwind_there(struct unwinding *asked)
{
    int error = errno;
    uint64_t all = ~UINT64_C(0), mask;
    raw4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, &mask, 8);
    bool allowed = stack_enter();
    if (allowed) {
        stack_inside = true;
        vector_keep(unwind, asked, (uint8_t *)asked + UNWIND_STACK);
        stack_inside = false;
        stack_leave();
    }
    raw4(SYS_rt_sigprocmask, 2, &mask, NULL, 8);
    errno = error;
    return allowed;
}

static void spend(struct stack_cache *cache, uint64_t begin)
{
    uint64_t ticks = tsc_now() - begin;
    cache->spent += ticks < UNWIND_MOST ? ticks : UNWIND_MOST;
}

/* While there is one task only blocks ask, and programs start: a quarter of it. */
static bool spent_enough(const struct stack_cache *cache)
{
    uint64_t share = UNWIND_FREE + (tsc_now() - cache->since) / UNWIND_SHARE;
    return cache->spent > (table_tasks.count <= 2 ? share / 4 : share);
}

bool stack_in_unwinder(uintptr_t pc)
{
    static struct module_text unwinder;
    return module_text_has(&unwinder, (uintptr_t)&unw_step, pc);
}

/* The dynamic linker allocates and frees under a lock that the unwinder waits for under its own: so nobody unwinds there. */
static bool in_linker(uintptr_t pc)
{
    extern void *__tls_get_addr(void *index);
    static struct module_text linker;
    return module_text_has(&linker, (uintptr_t)&__tls_get_addr, pc);
}

static NOINLINE uint32_t stack_capture(struct stack_cache *cache, struct stack_entry *entry,
                                       uintptr_t place, uintptr_t pc, uintptr_t frame)
{
    struct unwinding *asked = unwinding_of(cache);
    if (!asked || stack_in_unwinder(pc) || in_linker(pc) || unw_getcontext(&asked->context) != 0)
        return stack_without_unwinder(pc);
    asked->interrupted = false;
    asked->pc = pc;
    asked->low = frame;
    if (!unwind_there(asked) || !asked->count)
        return stack_without_unwinder(pc);
    if (asked->id)
        entry_keep(entry, asked->id, stack_key(cache, pc), place, frame, asked->pcs, asked->places,
                   asked->count);
    return asked->id;
}

static NOINLINE uint32_t stack_of_call(struct thread *thread, uintptr_t pc, uintptr_t frame,
                                       bool rationed)
{
    if (UNLIKELY(!stacks_ready(thread)))
        return stack_without_unwinder(pc);
    struct stack_cache *cache = thread->stacks;
    uintptr_t key = stack_key(cache, pc), place = frame_place(thread, frame);
    struct stack_entry *set = set_of(cache->entries, STACK_CACHE, key, place);
    struct stack_entry *entry = entry_find(set, key, place, frame);
    if (UNLIKELY(!entry)) {
        struct stack_entry *callers = set_of_caller(cache, set, key, place, frame);
        if (callers) {
            set = callers;
            entry = entry_find(set, key, place, frame);
        }
    }
    if (LIKELY(entry)) {
        cache->last = entry;
        return entry->id;
    }
    if (rationed && spent_enough(cache))
        return 0;
    entry = cache->last = &set[cache->victim++ % STACK_WAYS];
    if (!rationed)
        return stack_capture(cache, entry, place, pc, frame);
    uint64_t begin = tsc_now();
    uint32_t id = stack_capture(cache, entry, place, pc, frame);
    spend(cache, begin);
    return id;
}

/* The stack found last, or 0: most often it is asked for again, and then nothing need be kept on our own. */
static inline uint32_t stack_again(const struct thread *thread, uintptr_t pc, uintptr_t frame)
{
    const struct stack_cache *cache = thread->stacks;
    if (UNLIKELY(!cache))
        return 0;
    const struct stack_entry *entry = cache->last;
    return LIKELY(entry && entry->key == stack_key(cache, pc) &&
                  entry->frame == frame_place(thread, frame) && entry_holds(entry, frame))
               ? entry->id
               : 0;
}

uint32_t stack_here(struct thread *thread, uintptr_t pc, uintptr_t frame)
{
    uint32_t again = stack_again(thread, pc, frame);
    if (LIKELY(again))
        return again;
    return stack_of_call(thread, pc, frame, false);
}

uint32_t stack_here_rationed(struct thread *thread, uintptr_t pc, uintptr_t frame)
{
    uint32_t again = stack_again(thread, pc, frame);
    if (LIKELY(again))
        return again;
    return stack_of_call(thread, pc, frame, true);
}

static NOINLINE uint32_t stack_interrupted(struct stack_cache *cache, struct stack_entry *entry,
                                           uintptr_t function, uintptr_t pc,
                                           const struct stack_registers *registers)
{
    struct unwinding *asked = unwinding_of(cache);
    if (!asked)
        return 0;
    uint64_t begin = tsc_now();
    raw_zero(&asked->context, sizeof asked->context);
    greg_t *gregs = asked->context.uc_mcontext.gregs;
    gregs[REG_RIP] = (greg_t)pc;
#define X(lower, upper) gregs[REG_##upper] = (greg_t)registers->lower;
    STACK_REGISTERS(X)
#undef X
    asked->interrupted = true;
    asked->low = registers->rsp;
    if (unwind_there(asked) && (asked->id || !asked->count))
        entry_keep(entry, asked->id, stack_key(cache, function), registers->rsp, registers->rsp,
                   asked->pcs, asked->places, asked->count);
    spend(cache, begin);
    return asked->id;
}

bool stack_known(struct thread *thread, uintptr_t function, uintptr_t sp, uint32_t *id)
{
    struct stack_cache *cache = thread->stacks;
    *id = 0;
    if (UNLIKELY(!cache))
        return false;
    uintptr_t key = stack_key(cache, function);
    const struct stack_entry *entry = cache->last_site;
    if (!entry || entry->key != key || entry->frame != sp || !entry_holds(entry, sp)) {
        entry = entry_find(set_of(cache->sites, STACK_SITES, key, sp), key, sp, sp);
        if (UNLIKELY(!entry))
            return spent_enough(cache);
        cache->last_site = entry;
    }
    *id = entry->id;
    return true;
}

uint32_t stack_of(struct thread *thread, uintptr_t function, uintptr_t pc,
                  const struct stack_registers *registers)
{
    if (UNLIKELY(!stacks_ready(thread)))
        return 0;
    struct stack_cache *cache = thread->stacks;
    struct stack_entry *set =
        set_of(cache->sites, STACK_SITES, stack_key(cache, function), registers->rsp);
    return stack_interrupted(cache, &set[cache->victim++ % STACK_WAYS], function, pc, registers);
}

static void unwinders_await(volatile uint32_t *reason)
{
    __atomic_fetch_add(reason, 1, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; unwinding && i < 100000; i++)
        raw0(SYS_sched_yield);
}

void stack_fork_prepare(void)
{
    unwinders_await(&forking);
}

void stack_walk_begin(void)
{
    unwinders_await(&walking);
}

/* A child that was forked in a walk has begun anew. */
void stack_walk_end(void)
{
    if (walking)
        __atomic_fetch_sub(&walking, 1, __ATOMIC_SEQ_CST);
}

void stack_fork_done(void)
{
    __atomic_fetch_sub(&forking, 1, __ATOMIC_SEQ_CST);
}

void stack_fork_child(void)
{
    spin_reset(&known_lock);
    forking = unwinding = walking = 0;
}
