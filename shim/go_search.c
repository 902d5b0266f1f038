/*
 * Following pointers: every word that may be one into Go's heap is taken for one. What the runtime itself keeps does not
 * count: its g's, waiters (sudog), processors (p) and machines (m) are not looked into. They are told by their size, and by
 * what must stand in them.
 */
#include "shim/go_search.h"

#include <errno.h>
#include <sys/uio.h>

#include "shim/banned.h"
#include "shim/raw.h"

#define ADDRESS_LOW  UINT64_C(0x10000) /* what lies outside is no pointer */
#define ADDRESS_HIGH (UINT64_C(1) << 47)
#define WAITER_MAX   256u /* sizes of a sudog and its like */

static bool add(struct search *search, uint64_t base)
{
    uint64_t mask = (UINT64_C(1) << SEARCH_OBJECTS_LOG2) - 1;
    uint64_t at = base * 0x9e3779b97f4a7c15u >> (64 - SEARCH_OBJECTS_LOG2);
    for (; search->found[at]; at = (at + 1) & mask)
        if (search->found[at] == base)
            return false;
    if (search->found_count >= mask / 2) {
        search->too_much = true;
        return false;
    }
    search->found[at] = base;
    search->found_count++;
    return true;
}

bool search_has(const uint64_t *found, uint64_t base)
{
    uint64_t mask = (UINT64_C(1) << SEARCH_OBJECTS_LOG2) - 1;
    uint64_t at = base * 0x9e3779b97f4a7c15u >> (64 - SEARCH_OBJECTS_LOG2);
    for (; found[at]; at = (at + 1) & mask)
        if (found[at] == base)
            return true;
    return false;
}

/* The heap object around `address`: where it begins, how large it is, whether it holds pointers. */
uint64_t search_object(uint64_t address, uint64_t *size, bool *pointers)
{
    if (address < ADDRESS_LOW || address >= ADDRESS_HIGH)
        return 0;
    const uint8_t *span = go_real.go_span(address);
    if (!span)
        return 0;
    uint64_t start = *(const uint64_t *)(span + go_layout.span_start);
    *size = *(const uint64_t *)(span + go_layout.span_size);
    if (!*size || address < start)
        return 0;
    *pointers = !(span[go_layout.span_class] & 1);
    return start + (address - start) / *size * *size;
}

/* Objects of a type lie in slots of at most an eighth more than its size. */
static bool of_size(uint64_t slot, uint64_t size)
{
    return slot >= size && slot - size <= size / 8;
}

/* Its number and its state come first. */
bool search_is_p(uint64_t base, uint64_t size)
{
    uint64_t first = *(const uint64_t *)base;
    return of_size(size, go_layout.p_size) && (uint32_t)first < 4096 && first >> 32 <= 4;
}

/* It begins with its g0. */
bool search_is_m(uint64_t base, uint64_t size)
{
    uint64_t inner;
    bool pointers;
    return of_size(size, go_layout.m_size) &&
           search_object(*(const uint64_t *)base, &inner, &pointers) &&
           of_size(inner, go_layout.g_size);
}

static bool of_runtime(uint64_t base, uint64_t size)
{
    if (size <= WAITER_MAX)
        return go_known(*(const uint64_t *)(base + go_layout.waiter_g)) != NULL;
    return (of_size(size, go_layout.g_size) && go_known(base)) || search_is_p(base, size) ||
           search_is_m(base, size);
}

void search_word(struct search *search, uint64_t address)
{
    uint64_t size;
    bool pointers;
    uint64_t base = search_object(address, &size, &pointers);
    if (!base || search->too_much || !add(search, base))
        return;
    if (!pointers || of_runtime(base, size))
        return;
    search->pending[search->pending_count++] = base;
}

static bool scan_begin(struct search *search, uint64_t *low, uint64_t high)
{
    *low = (*low + 7) & ~UINT64_C(7);
    if (*low >= high || search->too_much)
        return false;
    search->scanned += high - *low;
    search->too_much = search->scanned > SEARCH_BYTES_MAX;
    return !search->too_much;
}

/* An object of Go's heap, which is never given back to the system while the process lives. */
static void heap_area(struct search *search, uint64_t low, uint64_t high)
{
    if (!scan_begin(search, &low, high))
        return;
    for (uint64_t at = low; at + 8 <= high; at += 8)
        search_word(search, *(const volatile uint64_t *)at);
}

/*
 * Stacks and variables, whose owners may still be running, end and unmap them: read by the kernel, which refuses what is
 * not there. Where it refuses altogether, nothing is said.
 */
void search_area(struct search *search, uint64_t low, uint64_t high)
{
    if (!scan_begin(search, &low, high))
        return;
    while (low + 8 <= high) {
        uint64_t size = high - low < sizeof search->copy ? high - low : sizeof search->copy;
        struct iovec here = {search->copy, size}, there = {(void *)low, size};
        long got = raw6(SYS_process_vm_readv, raw0(SYS_getpid), (long)&here, 1, (long)&there, 1, 0);
        if (got < 0 && got != -EFAULT) {
            search->too_much = true;
            return;
        }
        for (long i = 0; i + 8 <= got; i += 8)
            search_word(search, search->copy[i / 8]);
        low = got > 0 ? low + ((uint64_t)got & ~UINT64_C(7)) : (low | 4095) + 1;
    }
}

void search_drain(struct search *search)
{
    while (search->pending_count && !search->too_much) {
        uint64_t base = search->pending[--search->pending_count], size;
        bool pointers;
        search_object(base, &size, &pointers);
        heap_area(search, base, base + size);
    }
}

bool search_read(void *copy, uint64_t address, size_t size)
{
    struct iovec here = {copy, size}, there = {(void *)address, size};
    return raw6(SYS_process_vm_readv, raw0(SYS_getpid), (long)&here, 1, (long)&there, 1, 0) ==
           (long)size;
}
