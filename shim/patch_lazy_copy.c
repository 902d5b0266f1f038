/*
 * What patch_lazy.c says of it: a function is called for the first time, and copied. In any context that the program calls
 * functions in: handlers, threads that are ending, fork children, small stacks.
 */
#include "shim/patch_lazy.h"

#include <linux/futex.h>
#include <sys/mman.h>

#include "shim/access_state.h"
#include "shim/apart.h"
#include "shim/banned.h"
#include "shim/mark.h"
#include "shim/module.h"
#include "shim/options.h"
#include "shim/patch_emit.h"
#include "shim/raw.h"
#include "shim/vector.h"

#define PAGE       4096u
#define MEGABYTE   (1u << 20)
#define SITES_EACH 4u /* most sites of one instruction */
#define STACK      (64u << 10)

static struct patch_arena scratch;
static uint8_t copying_stack[STACK] __attribute__((aligned(64)));

/* ---- the lock ---- */

static volatile uint32_t taken; /* 2: and somebody sleeps */

static void own_look(void);

void patch_lock(void)
{
    uint32_t free = 0;
    own_look();
    if (__atomic_compare_exchange_n(&taken, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    while (__atomic_exchange_n(&taken, 2, __ATOMIC_ACQUIRE) != 0)
        raw4(SYS_futex, &taken, FUTEX_WAIT_PRIVATE, 2, 0);
}

void patch_unlock(void)
{
    if (__atomic_exchange_n(&taken, 0, __ATOMIC_RELEASE) == 2)
        raw3(SYS_futex, &taken, FUTEX_WAKE_PRIVATE, 1);
}

void patch_lock_reset(void)
{
    taken = 0;
}

/* ---- a process of our own? ---- */

/*
 * A page that is zero in any fork child, made by whichever call. Its word is 1 where the memory of copies is this
 * process's alone; then patch_lazy_generation counts up.
 */
static volatile uint32_t *own;
uint32_t patch_lazy_generation;

static bool own_begin(void)
{
    if (own)
        return true;
    void *page = raw_map(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!page || raw3(SYS_madvise, page, PAGE, 18 /* MADV_WIPEONFORK */) != 0) {
        if (page)
            raw2(SYS_munmap, page, PAGE);
        return false;
    }
    own = page;
    *own = 1;
    patch_lazy_generation = 1;
    return true;
}

/* Also where fork was not called through the C library. The child has one thread then. */
static void own_look(void)
{
    uint32_t none = 0;
    if (!own || *own == 1)
        return;
    if (__atomic_compare_exchange_n(own, &none, 2, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        patch_lock_reset();
        patch_lazy_generation++;
        __atomic_store_n(own, 1, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(own, __ATOMIC_ACQUIRE) != 1)
        raw0(SYS_sched_yield);
}

bool patch_lazy_own(void)
{
    return own_begin();
}

/* A child's copies, in memory that its parent does not write. Other threads may be running in them. */
static void copies_move(void *data)
{
    struct patch_lazy *lazy = data;
    struct area *area = lazy_area(lazy);
    size_t used = (lazy->image.used + PAGE - 1) & ~(size_t)(PAGE - 1);
    void *fresh = NULL;
    long fd = raw2(SYS_memfd_create, "gorocheck", 1 /* CLOEXEC */);
    if (fd >= 0 && raw2(SYS_ftruncate, fd, area->size) == 0)
        fresh = raw_map(NULL, area->size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
    if (fresh) {
        raw_copy(fresh, area->out, used);
        if (!raw_map((void *)area->runs, lazy->code, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED,
                     (int)fd, 0)) {
            raw2(SYS_munmap, fresh, area->size);
            fresh = NULL;
        }
    }
    if (fd >= 0)
        raw1(SYS_close, fd);
    if (!fresh)
        return;
    raw2(SYS_munmap, area->out, area->size);
    area->out = fresh;
    lazy->image.out = fresh;
    lazy->image.out_end = area->out + lazy->code;
    lazy->image.shift = (int64_t)(area->runs - (uintptr_t)fresh);
    lazy->generation = patch_lazy_generation;
}

static bool own_copies(struct patch_lazy *lazy)
{
    if (lazy->generation != patch_lazy_generation)
        apart(copies_move, lazy);
    return lazy->generation == patch_lazy_generation;
}

/* ---- looking up ---- */

static uint32_t slot_of(const struct patch_lazy *lazy, uint32_t offset)
{
    uint32_t low = 0, high = lazy->slots;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (lazy->entries[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < lazy->slots && lazy->entries[low] == offset ? low : PATCH_NOWHERE;
}

static uintptr_t slot_address(const struct patch_lazy *lazy, uint32_t slot)
{
    return lazy->areas[0].runs + LAZY_WAYS + (uintptr_t)slot * LAZY_SLOT;
}

uintptr_t patch_lazy_place(const struct patch_lazy *lazy, uint32_t offset)
{
    if (lazy->places[offset])
        return (uintptr_t)lazy->image.text + (uintptr_t)(intptr_t)lazy->places[offset];
    uint32_t slot = slot_of(lazy, offset);
    return slot == PATCH_NOWHERE ? (uintptr_t)lazy->image.text + offset
                                 : slot_address(lazy, slot) + LAZY_ENTER;
}

/* ---- copying ---- */

/* Instructions of the functions that are copied with functions[number], it included. */
static uint32_t ring_size(const struct patch_lazy *lazy, uint32_t number)
{
    const struct patch_function *all = lazy->image.functions;
    uint32_t count = 0, i = number;
    do
        count += all[i].last - all[i].first;
    while ((i = all[i].together) != number);
    return count;
}

/* The functions that are copied with functions[number], in ascending order. */
static bool gather(const struct patch_lazy *lazy, struct patch_image *image, uint32_t number)
{
    const struct patch_function *all = lazy->image.functions;
    uint32_t count = 0, i = number;
    do
        count++;
    while ((i = all[i].together) != number);
    image->functions = arena_take(image->arena, count * sizeof *image->functions);
    if (!image->functions)
        return false;
    for (uint32_t n = 0; n < count; n++, i = all[i].together) {
        uint32_t at = n;
        for (; at && image->functions[at - 1].start > all[i].start; at--)
            image->functions[at] = image->functions[at - 1];
        image->functions[at] = all[i];
    }
    image->function_count = count;
    image->instruction_room = ring_size(lazy, number);
    image->instructions = arena_take(image->arena, ((size_t)image->instruction_room + 1) *
                                                       sizeof *image->instructions);
    return image->instructions;
}

static void without_checks(struct patch_image *image)
{
    for (uint32_t i = 0; i < image->instruction_count; i++) {
        image->instructions[i].memory = MEMORY_NONE;
        image->instructions[i].live = PATCH_ALL;
    }
}

static bool sites_hold(const struct patch_lazy *lazy, uint32_t instructions)
{
    const struct patch_place_table *table = lazy->table;
    return patch_sites_reach(patch_site_count + (uint64_t)instructions * SITES_EACH) &&
           table->place_count + PATCH_PLACES_MOST * (size_t)instructions <
               PATCH_PLACES_MOST * table->room &&
           table->miss_count + PATCH_PIECES_MOST * (size_t)instructions <
               PATCH_PIECES_MOST * table->room;
}

static void say(const struct patch_image *image)
{
    struct trace_module *module = module_at((uintptr_t)image->text);
    if (!module)
        return;
    const struct patch_statistics *s = &image->statistics;
    module->candidates += s->instructions;
    module->seen += s->recorded;
    module->uncalled -= s->functions < module->uncalled ? s->functions : module->uncalled;
}

/* Whole megabytes that have been written since stay in the memfd alone: mapped twice they would count twice. */
static void done_with(const struct area *area, size_t from, size_t to)
{
    from &= ~(size_t)(MEGABYTE - 1);
    to &= ~(size_t)(MEGABYTE - 1);
    if (to > from)
        raw3(SYS_madvise, area->out + from, to - from, MADV_DONTNEED);
}

/* All is written; from here on it is found, and then run. */
static void publish(struct patch_lazy *lazy, const struct patch_image *image,
                    const struct patch_place_table *table)
{
    done_with(lazy_area(lazy), lazy->image.used, image->used);
    lazy->image.used = image->used;
    patch_site_count = image->first_site + image->site_count;
    const uintptr_t runs = lazy_area(lazy)->runs, text = (uintptr_t)image->text;
    for (uint32_t i = 0; i < image->instruction_count; i++)
        if (image->places[i] != PATCH_NOWHERE)
            lazy->places[image->instructions[i].offset] = (int32_t)(runs + image->places[i] - text);
    __atomic_store_n(&lazy->table->miss_count, table->miss_count, __ATOMIC_RELEASE);
    __atomic_store_n(&lazy->table->place_count, table->place_count, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < image->function_count; i++) {
        const struct patch_function *function = &image->functions[i];
        for (uint32_t at = function->first; at < function->last; at++) {
            const struct patch_instruction *in = &image->instructions[at];
            uint32_t slot = image_marked(image, in->offset, MARK_ENTRY) ? slot_of(lazy, in->offset)
                                                                        : PATCH_NOWHERE;
            if (slot != PATCH_NOWHERE)
                __atomic_store_n(&lazy->targets[slot], runs + image->places[at], __ATOMIC_RELEASE);
        }
    }
    say(image);
}

enum copied { COPIED, COPIED_NOT, COPIED_CROWDED };

static enum copied copy_functions(struct patch_lazy *lazy, uint32_t number, bool checks)
{
    struct patch_image image = lazy->image;
    struct patch_place_table table = *lazy->table;
    image.arena = &scratch;
    image.table = &table;
    image.first_site = patch_site_count;
    image.site_count = 0;
    image.statistics = (struct patch_statistics){.functions = 0};
    if (!gather(lazy, &image, number))
        return COPIED_NOT;
    patch_decode_again(&image);
    if (image.instruction_count != image.instruction_room)
        return COPIED_NOT;
    uint32_t spans = patch_span_count;
    if (checks) {
        for (uint32_t i = 0; i < image.function_count; i++) {
            patch_live(&image, &image.functions[i]);
            patch_words_choose(&image, &image.functions[i]);
            patch_heads_choose(&image, &image.functions[i]);
        }
        patch_count(&image);
        image.out_end -= lazy->plain;
    } else {
        patch_count(&image);
        image.statistics.recorded = 0;
        without_checks(&image);
    }
    if (!patch_emit_functions(&image)) {
        patch_span_count = spans;
        return image.crowded ? COPIED_CROWDED : COPIED_NOT;
    }
    publish(lazy, &image, &table);
    return COPIED;
}

/* Tens of megabytes at most, touched as far as a function needs them. */
static bool scratch_begin(const struct patch_lazy *lazy)
{
    size_t size = (size_t)lazy->room * 256 + (size_t)lazy->image.function_count * 64 + (1u << 20);
    return arena_begin(&scratch, size);
}

struct arrival {
    struct patch_lazy *lazy;
    uint32_t slot;
};

static bool copy_slot(const struct arrival *arrival)
{
    struct patch_lazy *lazy = arrival->lazy;
    const struct patch_function *function =
        image_function(&lazy->image, lazy->entries[arrival->slot]);
    uint32_t number = (uint32_t)(function - lazy->image.functions);
    if (!own_copies(lazy))
        return false;
    enum copied done = COPIED_CROWDED;
    bool checks = sites_hold(lazy, ring_size(lazy, number));
    while (checks && done == COPIED_CROWDED) {
        if (!scratch_begin(lazy))
            return false;
        done = copy_functions(lazy, number, true);
        checks = done != COPIED_CROWDED || patch_lazy_grow(lazy);
    }
    if (!checks && scratch_begin(lazy))
        done = copy_functions(lazy, number, false);
    return done == COPIED;
}

static bool copied(const struct arrival *arrival)
{
    return arrival->lazy->targets[arrival->slot] != slot_address(arrival->lazy, arrival->slot);
}

static void copy_arrived(void *data)
{
    const struct arrival *arrival = data;
    for (uint32_t tries = 0;; tries++) {
        if (copy_slot(arrival))
            return;
        if (tries == 1000) {
            shim_message("no memory to go on with", NULL);
            raw1(SYS_exit_group, 127);
        }
        raw0(SYS_sched_yield); /* a fork child without memory for its copies: it may pass */
    }
}

static void copy_all(void *unused)
{
    (void)unused;
    struct arrival arrival;
    for (uint32_t i = 0; (arrival.lazy = patch_lazy_at(i)); i++)
        for (arrival.slot = 0; arrival.lazy->low && arrival.slot < arrival.lazy->slots;
             arrival.slot++)
            if (!copied(&arrival))
                copy_slot(&arrival); /* one for which there is no memory may never be called */
}

/* What the decoder calls of the C library is none of the program's, if that is patched too. No signal is deferred. */
static void copying(void (*work)(void *data), void *data)
{
    struct thread *thread = thread_current;
    bool guards = (uintptr_t)thread > THREAD_NONE && !thread->busy;
    if (guards)
        thread->busy = 1;
    vector_keep(work, data, copying_stack + STACK);
    if (guards)
        thread->busy = 0;
}

void patch_lazy_finish(void)
{
    uint64_t all = ~UINT64_C(0), before = 0;
    if (!patch_on)
        return;
    raw4(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, &before, 8);
    patch_lock();
    copying(copy_all, NULL);
    patch_unlock();
    raw4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &before, NULL, 8);
}

/* Called by the stub: control has arrived at a slot whose function was not copied, as far as it knew. */
void patch_lazy_enter(struct patch_frame *frame);
__attribute__((used)) void patch_lazy_enter(struct patch_frame *frame)
{
    uint64_t all = ~UINT64_C(0), before = 0;
    uintptr_t enter = frame->back; /* behind the slot's call */
    raw4(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, &before, 8);
    patch_lock();
    struct arrival arrival = {.lazy = patch_lazy_of(enter)};
    arrival.slot = (uint32_t)((enter - slot_address(arrival.lazy, 0)) / LAZY_SLOT);
    if (!copied(&arrival))
        copying(copy_arrived, &arrival);
    patch_unlock();
    raw4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &before, NULL, 8);
}
