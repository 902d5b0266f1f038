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

#define LAZIES     1024u
#define PAGE       4096u
#define COPY_MOST  24u          /* bytes of copy for one of text; 11 to 19 are used */
#define COPY_FIRST (256u << 10) /* ... and as many as of text, at first: few functions are called */
#define GROW_LEAST (1u << 20)

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

/* The most instructions of one ring. */
static void measure(struct patch_lazy *lazy, const struct patch_image *image)
{
    for (uint32_t i = 0; i < image->function_count; i++) {
        const struct patch_function *function = &image->functions[i];
        uint32_t count = function->last - function->first, k = function->together;
        uint64_t all = count;
        for (; k > i; k = image->functions[k].together)
            all += image->functions[k].last - image->functions[k].first;
        if (k == i) /* counted from its first function on */
            lazy->room = all > lazy->room ? all : lazy->room;
    }
}

/* The marks that copying asks for, as bits; returns how many entries there are. */
static uint32_t keep_marks(const struct patch_image *image, uint8_t *bits, size_t size)
{
    static const uint8_t shifts[] = {0, 1, 7}; /* MARK_START, MARK_ENTRY, MARK_FAILED */
    uint32_t entries = 0;
    for (uint32_t at = 0; at < image->size; at += 8) {
        uint64_t eight; /* there is more memory than marks */
        __builtin_memcpy(&eight, image->marks + at, sizeof eight);
        for (uint32_t i = 0; i < sizeof shifts; i++) {
            uint64_t ones = eight >> shifts[i] & UINT64_C(0x0101010101010101);
            if (ones)
                bits[i * size + at / 8] = (uint8_t)(ones * UINT64_C(0x0102040810204080) >> 56);
        }
        entries +=
            (uint32_t)__builtin_popcountll(eight & MARK_ENTRY * UINT64_C(0x0101010101010101));
    }
    return entries;
}

/* What is needed until the module goes: one mapping, of which what is never touched costs nothing, and the file. */
static bool keep(struct patch_lazy *lazy, struct patch_image *image)
{
    size_t text = ((size_t)image->size + PAGE + 63) & ~(size_t)63;
    size_t functions =
        ((size_t)image->function_count * sizeof *image->functions + 63) & ~(size_t)63;
    size_t marks = text / 8;
    lazy->image = *image;
    lazy->file = area_file(image);
    size_t bytes = lazy->file ? 0 : text;
    size_t size = 2 * 4 * text + functions + 3 * marks + bytes + 4 * (size_t)lazy->slots;
    uint8_t *memory = raw_map(NULL, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!memory)
        return false;
    lazy->memory = memory;
    lazy->memory_size = size;
    lazy->image.number = (uint32_t *)(void *)memory;
    lazy->places = (int32_t *)(void *)(memory + 4 * text);
    memory += 8 * text;
    lazy->image.functions = (struct patch_function *)(void *)memory;
    memory += functions;
    lazy->image.marks = NULL;
    lazy->image.kept = memory;
    lazy->image.kept_size = marks;
    lazy->plain = patch_emit_plain(image, keep_marks(image, memory, marks));
    memory += 3 * marks;
    lazy->image.bytes = lazy->file;
    if (!lazy->file) {
        raw_copy(memory, image->text, image->size);
        lazy->image.bytes = memory;
    }
    lazy->entries = (uint32_t *)(void *)(memory + bytes);
    raw_copy(lazy->image.functions, image->functions,
             image->function_count * sizeof *image->functions);
    lazy->image.path = NULL;
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
    const struct area *area = &lazy->areas[0];
    const uintptr_t way = area->runs + lazy->image.used, stub = (uintptr_t)patch_stub_lazy;
    uint8_t *out = area->out + lazy->image.used;
    raw_copy(out, "\xff\x25\0\0\0\0", 6);
    raw_copy(out + 6, &stub, 8);
    for (uint32_t i = 0; i < lazy->slots; i++) {
        uint32_t place = LAZY_WAYS + i * LAZY_SLOT;
        uintptr_t slot = area->runs + place;
        const uint64_t first = UINT64_C(0xe88024648d48) | (uint64_t)distance(slot + 10, way) << 48;
        const uint64_t second = distance(slot + 10, way) >> 16 | UINT64_C(0x25ff) << 16 |
                                (uint64_t)distance(slot + LAZY_SLOT, (uintptr_t)&lazy->targets[i])
                                    << 32;
        __builtin_memcpy(area->out + place, &first, 8);
        __builtin_memcpy(area->out + place + 8, &second, 8);
        lazy->targets[i] = slot;
        image->number[lazy->entries[i]] = i;
        image->places[i] = place + LAZY_ENTER;
    }
    lazy->image.used = LAZY_WAYS + lazy->slots * LAZY_SLOT;
}

static bool table_begin(struct patch_lazy *lazy, const struct patch_image *image,
                        struct patch_place_table *table)
{
    table->copy = lazy_area(lazy)->runs;
    table->copy_end = table->copy + lazy->code;
    table->copied = lazy->places;
    return patch_place_map(table, image, lazy->room);
}

static bool reserve(struct patch_lazy *lazy, const struct patch_image *image)
{
    uintptr_t low = (uintptr_t)image->text;
    struct area *area = &lazy->areas[0];
    size_t targets = ((size_t)lazy->slots * sizeof *lazy->targets + PAGE - 1) & ~(size_t)(PAGE - 1);
    size_t whole = (size_t)image->size * COPY_MOST, copies = COPY_FIRST + (size_t)image->size;
    lazy->code = LAZY_WAYS + (size_t)lazy->slots * LAZY_SLOT + lazy->plain +
                 (copies < whole ? copies : whole);
    lazy->code = (lazy->code + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (lazy->code + targets > UINT32_MAX / 2 ||
        !area_begin(area, low, low + image->size, lazy->code + targets))
        return false;
    lazy->area_count = 1;
    void *memory = area->twice
                       ? raw_map((void *)(area->runs + lazy->code), targets, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
                       : NULL;
    lazy->targets = memory;
    return memory;
}

static void release(struct patch_lazy *lazy)
{
    if (lazy->memory)
        raw2(SYS_munmap, lazy->memory, lazy->memory_size);
    if (lazy->file)
        area_file_release(&lazy->image, lazy->file);
    while (lazy->area_count)
        area_release(&lazy->areas[--lazy->area_count]);
    raw_zero(lazy, sizeof *lazy);
}

/* What is emitted from now on goes to the beginning of the last area. */
static void emit_there(struct patch_lazy *lazy)
{
    const struct area *area = lazy_area(lazy);
    lazy->image.out = area->out;
    lazy->image.out_end = area->out + lazy->code;
    lazy->image.shift = (int64_t)(area->runs - (uintptr_t)area->out);
    lazy->image.used = 0;
    patch_emit_ways(&lazy->image);
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
    image->table->slots = LAZY_WAYS;
    image->table->slots_end = LAZY_WAYS + lazy->slots * LAZY_SLOT;
    image->table->entries = lazy->entries;
    if (!table_begin(lazy, image, image->table)) {
        patch_place_unmap(image->table);
        return false;
    }
    emit_there(lazy);
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
    if (!lazy->table) {
        patch_place_unmap(image->table);
        release(lazy);
        return NULL;
    }
    image->table = lazy->image.table = lazy->table;
    return lazy;
}

bool patch_lazy_grow(struct patch_lazy *lazy)
{
    const struct patch_image *image = &lazy->image;
    struct area area;
    const uintptr_t low = (uintptr_t)image->text;
    size_t copies = 0;
    for (uint32_t i = 0; i < lazy->area_count; i++)
        copies += 2 * lazy->areas[i].size;
    if (copies > (size_t)image->size * COPY_MOST + GROW_LEAST)
        copies = (size_t)image->size * COPY_MOST + GROW_LEAST;
    size_t code = (lazy->plain + copies + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (lazy->full || lazy->area_count == LAZY_AREAS || code > UINT32_MAX / 2 ||
        !area_begin(&area, low, low + image->size, code)) {
        lazy->full = true;
        return false;
    }
    size_t before = lazy->code;
    struct patch_place_table table = {.low = 0}, *added = NULL;
    lazy->areas[lazy->area_count++] = area;
    lazy->code = code;
    if (!area.twice || !table_begin(lazy, image, &table) || !(added = patch_place_add(&table))) {
        patch_place_unmap(&table);
        area_release(&area);
        lazy->area_count--;
        lazy->code = before;
        lazy->full = true;
        return false;
    }
    lazy->table = lazy->image.table = added;
    emit_there(lazy);
    return true;
}

struct patch_lazy *patch_lazy_at(uint32_t index)
{
    return index < lazy_count ? &lazies[index] : NULL;
}

struct patch_lazy *patch_lazy_of(uintptr_t slot)
{
    uint32_t count = __atomic_load_n(&lazy_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++)
        if (lazies[i].low && slot - lazies[i].areas[0].runs < lazies[i].areas[0].size)
            return &lazies[i];
    return NULL;
}

bool patch_lazy_forget(uintptr_t low)
{
    uint32_t i = 0;
    while (i < lazy_count && lazies[i].low != low)
        i++;
    if (i == lazy_count)
        return false;
    release(&lazies[i]);
    return true;
}
