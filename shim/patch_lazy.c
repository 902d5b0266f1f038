/*
 * Large modules: their functions are copied when they are first called. A program calls few of the functions of its
 * libraries (redis-server, when it starts, one in ten), and rewriting is nearly all of the time that patching takes.
 *
 * When the module is loaded all of it is scanned (patch_scan.c), which is enough to know all entries, to choose how each is
 * diverted and to write the jumps. Nothing of the original changes after that, so no page of code ever has to be written
 * while other threads run in it. Each entry leads to a slot at the head of the copy:
 *
 *     slot:   lea  -128(%rsp), %rsp       over the red zone
 *             call patch_stub_lazy
 *     enter:  jmp  *target                target is `slot` first, then the copy of the entry
 *
 * The stub calls patch_lazy_enter(), which copies the function, from the bytes that were there before the jumps were
 * written, and stores the targets of all its entries. Functions between which branches lead into the middle (a function
 * and its cold part) are copied together. Targets lie in memory of their own, which is never executable.
 *
 * Invariants: a target is stored when the copy behind it and all that signal handlers look up about it are complete; what
 * is counted in struct lazy is complete, so that a fork child, whose other threads are gone, goes on from there. One thread
 * copies at a time, on a stack of our own, with all signals blocked. The memory of copies is shared with the parent after a
 * fork (it is a memfd), so a child moves its copies to memory of its own before it adds one: lazy_own().
 */
#include "shim/patch_lazy.h"

#include <sys/mman.h>

#include "shim/access_state.h"
#include "shim/banned.h"
#include "shim/patch_emit.h"
#include "shim/raw.h"

#define LAZIES    256u
#define PAGE      4096u
#define COPY_MOST 24u /* bytes of copy for one of text; 11 to 19 are used */
#define COPY_LARGE \
    4u /* ... beyond the first megabytes of copies, since few functions are called: many libraries must fit */
#define COPY_SMALL (8u << 20)
#define PLAIN_MOST 4u /* ... without checks */

static struct patch_lazy lazies[LAZIES];
static volatile uint32_t lazy_count;

/* ---- when the module is loaded ---- */

/* Rings of functions that are copied together; root[]: the same for all of a ring. */
static uint32_t root_of(uint32_t *root, uint32_t i)
{
    while (root[i] != i)
        i = root[i] = root[root[i]];
    return i;
}

static void join(struct patch_image *image, uint32_t *root, uint32_t a, uint32_t b)
{
    uint32_t one = root_of(root, a), other = root_of(root, b);
    if (one == other)
        return;
    root[other] = one;
    uint32_t next = image->functions[a].together;
    image->functions[a].together = image->functions[b].together;
    image->functions[b].together = next;
}

static void join_branches(struct patch_image *image, uint32_t *root, uint32_t number)
{
    const struct patch_function *function = &image->functions[number];
    EACH_TURN(image, function, turn)
    {
        if (turn->target == PATCH_NOWHERE || turn->flow == FLOW_CALL || turn->flow == FLOW_NEXT ||
            (turn->target >= function->start && turn->target < function->end) ||
            patch_diverted(image, turn->target))
            continue;
        const struct patch_function *to = image_function(image, turn->target);
        if (to && !to->native && !to->skipped && turn->target != to->start)
            join(image, root, number, (uint32_t)(to - image->functions));
    }
}

static bool groups(struct patch_image *image)
{
    uint32_t *root = arena_take(image->arena, ((size_t)image->function_count + 1) * sizeof *root);
    if (!root)
        return false;
    for (uint32_t i = 0; i < image->function_count; i++)
        root[i] = image->functions[i].together = i;
    for (uint32_t i = 0; i < image->function_count; i++)
        if (!image->functions[i].native && !image->functions[i].skipped)
            join_branches(image, root, i);
    return true;
}

/* The most instructions of one function, and of one ring. */
static void measure(struct patch_lazy *lazy, const struct patch_image *image)
{
    for (uint32_t i = 0; i < image->function_count; i++) {
        const struct patch_function *function = &image->functions[i];
        uint32_t count = function->last - function->first, k = function->together;
        uint64_t all = count;
        lazy->largest = count > lazy->largest ? count : lazy->largest;
        for (; k > i; k = image->functions[k].together)
            all += image->functions[k].last - image->functions[k].first;
        if (k == i) /* counted from its first function on */
            lazy->room = all > lazy->room ? all : lazy->room;
    }
}

/* What is needed until the module goes: one mapping, of which what is never touched costs nothing. */
static bool keep(struct patch_lazy *lazy, struct patch_image *image)
{
    size_t text = ((size_t)image->size + PAGE + 63) & ~(size_t)63;
    size_t functions =
        ((size_t)image->function_count * sizeof *image->functions + 63) & ~(size_t)63;
    size_t size = 2 * text + 2 * 4 * text + functions + 4 * (size_t)lazy->slots;
    uint8_t *memory = raw_map(NULL, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!memory)
        return false;
    lazy->memory = memory;
    lazy->memory_size = size;
    raw_copy(memory, image->text, image->size);
    raw_copy(memory + text, image->marks, image->size);
    lazy->image = *image;
    lazy->image.bytes = memory;
    lazy->image.marks = memory + text;
    lazy->image.number = (uint32_t *)(void *)(memory + 2 * text);
    lazy->places = (uint32_t *)(void *)(memory + 6 * text);
    lazy->image.functions = (struct patch_function *)(void *)(memory + 10 * text);
    lazy->entries = (uint32_t *)(void *)(memory + 10 * text + functions);
    raw_copy(lazy->image.functions, image->functions,
             image->function_count * sizeof *image->functions);
    lazy->image.instructions = NULL;
    lazy->image.turns = NULL;
    lazy->image.plan = NULL;
    lazy->image.hole = NULL;
    lazy->image.places = NULL;
    lazy->image.quick = false;
    lazy->image.lazy = lazy;
    return true;
}

static uint32_t distance(uintptr_t from, uintptr_t to)
{
    return (uint32_t)(to - from);
}

/* Slots, and what leads to them: image->places of an entry is its slot. */
static void emit_slots(struct patch_lazy *lazy, struct patch_image *image)
{
    const uintptr_t way = lazy->area.runs + lazy->image.used, stub = (uintptr_t)patch_stub_lazy;
    uint8_t *out = lazy->area.out + lazy->image.used;
    raw_copy(out, "\xff\x25\0\0\0\0", 6);
    raw_copy(out + 6, &stub, 8);
    for (uint32_t i = 0; i < lazy->slots; i++) {
        uint32_t place = LAZY_WAYS + i * LAZY_SLOT;
        uintptr_t slot = lazy->area.runs + place;
        const uint64_t first = UINT64_C(0xe88024648d48) | (uint64_t)distance(slot + 10, way) << 48;
        const uint64_t second = distance(slot + 10, way) >> 16 | UINT64_C(0x25ff) << 16 |
                                (uint64_t)distance(slot + LAZY_SLOT, (uintptr_t)&lazy->targets[i])
                                    << 32;
        __builtin_memcpy(lazy->area.out + place, &first, 8);
        __builtin_memcpy(lazy->area.out + place + 8, &second, 8);
        lazy->targets[i] = slot;
        image->number[lazy->entries[i]] = i;
        image->places[i] = place + LAZY_ENTER;
    }
    lazy->image.used = LAZY_WAYS + lazy->slots * LAZY_SLOT;
}

static bool table_begin(struct patch_lazy *lazy, const struct patch_image *image)
{
    struct patch_place_table *table = image->table;
    table->copy = lazy->area.runs;
    table->copy_end = lazy->area.runs + lazy->code;
    table->slots = LAZY_WAYS;
    table->slots_end = LAZY_WAYS + lazy->slots * LAZY_SLOT;
    table->entries = lazy->entries;
    table->copied = lazy->places;
    return patch_place_map(table, image, lazy->room);
}

static bool reserve(struct patch_lazy *lazy, const struct patch_image *image)
{
    size_t targets = ((size_t)lazy->slots * sizeof *lazy->targets + PAGE - 1) & ~(size_t)(PAGE - 1);
    size_t whole = (size_t)image->size * COPY_MOST,
           copies = COPY_SMALL + (size_t)image->size * COPY_LARGE;
    lazy->code = LAZY_WAYS + (size_t)lazy->slots * LAZY_SLOT + (size_t)image->size * PLAIN_MOST +
                 (copies < whole ? copies : whole) +
                 ((size_t)lazy->largest + lazy->room + 2) * PATCH_INSTRUCTION_MOST;
    lazy->code = (lazy->code + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (lazy->code + targets > UINT32_MAX / 2 ||
        !area_begin(&lazy->area, image, lazy->code + targets))
        return false;
    void *memory =
        lazy->area.twice
            ? raw_map((void *)(lazy->area.runs + lazy->code), targets, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
            : NULL;
    lazy->targets = memory;
    return memory;
}

static void release(struct patch_lazy *lazy)
{
    if (lazy->memory)
        raw2(SYS_munmap, lazy->memory, lazy->memory_size);
    if (lazy->area.out) {
        raw2(SYS_munmap, lazy->area.out, lazy->area.size);
        if (lazy->area.twice)
            raw2(SYS_munmap, lazy->area.runs, lazy->area.size);
    }
    raw_zero(lazy, sizeof *lazy);
}

/* An address space that is bounded has no room for reserves. */
static bool bounded(void)
{
    uint64_t limit[2] = {0, 0};
    raw4(SYS_prlimit64, 0, 9 /* RLIMIT_AS */, 0, limit);
    return limit[0] != UINT64_MAX;
}

/* All of the module is known; what is in `image` beyond that is scratch. */
static bool prepare(struct patch_lazy *lazy, struct patch_image *image)
{
    if (!groups(image))
        return false;
    measure(lazy, image);
    for (uint32_t at = patch_next_planned(image, 0); at < image->size;
         at = patch_next_planned(image, at + 1))
        lazy->slots += patch_diverted(image, at);
    image->places = arena_take(image->arena, ((size_t)lazy->slots + 1) * 4);
    if (!image->places || !lazy->slots || !keep(lazy, image) || !reserve(lazy, image))
        return false;
    uint32_t slot = 0;
    for (uint32_t at = patch_next_planned(image, 0); at < image->size;
         at = patch_next_planned(image, at + 1))
        if (patch_diverted(image, at))
            lazy->entries[slot++] = at;
    if (!table_begin(lazy, image)) {
        patch_place_unmap(image->table);
        return false;
    }
    lazy->image.out = lazy->area.out;
    lazy->image.out_end = lazy->area.out + lazy->code;
    lazy->image.shift = (int64_t)(lazy->area.runs - (uintptr_t)lazy->area.out);
    patch_emit_ways(&lazy->image);
    emit_slots(lazy, image);
    lazy->generation = patch_lazy_generation;
    lazy->low = (uintptr_t)image->text;
    return true;
}

static struct patch_lazy *lazy_new(void)
{
    uint32_t i = 0;
    while (i < lazy_count && lazies[i].low)
        i++;
    if (i == LAZIES)
        return NULL;
    if (i == lazy_count)
        __atomic_store_n(&lazy_count, i + 1, __ATOMIC_RELEASE);
    return &lazies[i];
}

struct patch_lazy *patch_lazy_begin(struct patch_image *image)
{
    if (bounded() || !patch_lazy_own())
        return NULL;
    struct patch_lazy *lazy = lazy_new();
    if (!lazy)
        return NULL;
    image->table->copy = 0;
    if (!prepare(lazy, image)) {
        release(lazy);
        return NULL;
    }
    lazy->table = patch_place_add(image->table);
    image->table = lazy->image.table = lazy->table;
    return lazy;
}

struct patch_lazy *patch_lazy_at(uint32_t index)
{
    return index < lazy_count ? &lazies[index] : NULL;
}

struct patch_lazy *patch_lazy_of(uintptr_t copy)
{
    uint32_t count = __atomic_load_n(&lazy_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++)
        if (lazies[i].low && copy - lazies[i].area.runs < lazies[i].area.size)
            return &lazies[i];
    return NULL;
}

void patch_lazy_forget(uintptr_t low)
{
    for (uint32_t i = 0; i < lazy_count; i++)
        if (lazies[i].low == low)
            release(&lazies[i]);
}
