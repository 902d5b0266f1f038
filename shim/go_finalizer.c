/*
 * What finalizers lead to. A cache whose worker is told to stop by a finalizer is usual: nobody but the finalizer has the
 * channel, so who waits for it can go on as soon as the collector finds the cache gone. An object's finalizer is in a list
 * of the span that the object lies in; spans are in runtime.mheap_.allspans. Those that the collector has found are in the
 * blocks of runtime.allfin until they were called. Neither variable has a name for us: they are known by what they lead to.
 */
#include "shim/go_search.h"

#include "shim/banned.h"
#include "shim/table.h"

#define KIND_FINALIZER 1u
#define SPANS_MAX      (UINT64_C(1) << 26)
#define SPANS_TRIED    64u
#define LINKS_MAX      (1u << 16)
#define SPECIALS_MAX   (1u << 24) /* of one span; no list is longer */

struct array {
    uint64_t items, count, capacity;
};

/* Most words are no pointers at all: the kernel need not be asked about these. */
static bool is_mapped(const struct go_regions *memory, uint64_t address)
{
    uint32_t low = 0, high = memory->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memory->items[middle].high <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < memory->count && memory->items[low].low <= address;
}

/* Memory that the runtime has from the system, neither Go's heap nor anybody's variables. */
static bool of_the_system(const struct go_regions *memory, uint64_t address)
{
    uint64_t size;
    bool pointers;
    if (address % 8 || !is_mapped(memory, address) || search_object(address, &size, &pointers))
        return false;
    for (uint32_t i = 1; i < table_modules.count; i++) {
        const struct trace_module *module = table_slot(&table_modules, i);
        if (address >= module->low && address < module->high)
            return false;
    }
    return true;
}

/* Some of the first are in use, and say so of themselves; none is anything else. */
static bool are_spans(const struct go_regions *memory, const struct array *array)
{
    uint64_t spans[SPANS_TRIED], start;
    uint64_t count = array->count < SPANS_TRIED ? array->count : SPANS_TRIED;
    uint32_t used = 0;
    if (!count || array->count > array->capacity || array->capacity > SPANS_MAX ||
        !of_the_system(memory, array->items) || !search_read(spans, array->items, count * 8))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!of_the_system(memory, spans[i]) ||
            !search_read(&start, spans[i] + go_layout.span_start, sizeof start))
            return false;
        used += go_real.go_span(start) == (void *)spans[i];
    }
    return used > 0;
}

/* Those before its count have an object each, but for one that is just written, and behind it there is nothing; else it is no
 * block. */
static bool is_block(const uint8_t *block, uint32_t *count)
{
    uint32_t size = go_layout.entry_size;
    const uint8_t *entry = block + go_layout.queue_entries, *end = block + GO_FINALIZER_BLOCK;
    *count = *(const uint32_t *)(block + go_layout.queue_count);
    if (*count > GO_FINALIZER_BLOCK / size)
        return false;
    for (uint32_t i = 0; entry + size <= end; i++, entry += size) {
        uint64_t object_size;
        bool pointers;
        uint64_t object = *(const uint64_t *)(entry + go_layout.entry_object);
        if (i < *count ? object && !search_object(object, &object_size, &pointers)
                       : *(const uint64_t *)(entry + go_layout.entry_function) != 0)
            return false;
    }
    return true;
}

static void blocks_add(struct go_finalizers *where, uint64_t address)
{
    uint8_t *block = where->block;
    uint32_t count;
    for (uint32_t n = 0; n < LINKS_MAX && of_the_system(where->memory, address); n++) {
        if (!search_read(block, address, GO_FINALIZER_BLOCK) || !is_block(block, &count))
            return;
        for (uint32_t i = 0; i < where->block_count; i++)
            if (where->blocks[i] == address)
                return;
        if (count && where->block_count == GO_FINALIZER_BLOCKS)
            where->too_many = true;
        else if (count)
            where->blocks[where->block_count++] = address;
        address = *(const uint64_t *)(block + go_layout.queue_link);
    }
}

void go_finalizers_find(struct go_finalizers *where, uint64_t low, uint64_t high)
{
    for (uint64_t at = (low + 7) & ~UINT64_C(7); at + sizeof(struct array) <= high; at += 8) {
        const struct array *array = (const struct array *)at;
        if (!array->items)
            continue;
        if (!where->spans && are_spans(where->memory, array)) {
            where->spans = array->items;
            where->span_count = array->count;
        }
        blocks_add(where, array->items);
    }
}

void go_finalizers_queued(struct search *search, struct go_finalizers *where)
{
    uint8_t *block = where->block;
    for (uint32_t b = 0; b < where->block_count; b++) {
        const uint8_t *entry = block + go_layout.queue_entries;
        uint32_t count;
        if (!search_read(block, where->blocks[b], GO_FINALIZER_BLOCK) || !is_block(block, &count))
            continue;
        for (uint32_t i = 0; i < count; i++, entry += go_layout.entry_size) {
            search_word(search, *(const uint64_t *)(entry + go_layout.entry_object));
            search_word(search, *(const uint64_t *)(entry + go_layout.entry_function));
        }
    }
    search_drain(search);
}

void go_finalizers_each(struct search *search, const struct go_finalizers *where,
                        void (*visit)(struct search *search, uint64_t object, uint64_t function))
{
    for (uint64_t i = 0; i < where->span_count; i++) {
        uint64_t span = ((const uint64_t *)where->spans)[i];
        uint64_t start = *(const uint64_t *)(span + go_layout.span_start), size;
        if (go_real.go_span(start) != (void *)span)
            continue; /* not in use */
        uint64_t special = *(const uint64_t *)(span + go_layout.span_specials);
        for (uint32_t n = 0; special && n < SPECIALS_MAX; n++) {
            bool pointers;
            uint64_t at = start + *(const uint16_t *)(special + go_layout.special_offset);
            if (*(const uint8_t *)(special + go_layout.special_kind) == KIND_FINALIZER)
                visit(search, search_object(at, &size, &pointers),
                      *(const uint64_t *)(special + go_layout.special_function));
            special = *(const uint64_t *)(special + go_layout.special_next);
        }
    }
}
