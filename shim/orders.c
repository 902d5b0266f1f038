/*
 * The combinations that are known (held.c), by a hash: 32 bits of it are kept, 14 to 18 say where. It is a cache: what was
 * forgotten is written again. One that forgets much grows, up to 4 MB: memcached with two workers and 1,024 item locks has
 * 72,000 combinations, and room for 65,536 made 402,000 records of them. Then nearly every look at it is a cache miss,
 * 70 ns; so the latest of each held set are kept a second time, near each other (docs/design.md).
 */
#include "shim/orders.h"

#include "shim/shim.h"

#include "shim/banned.h"
#include "shim/raw.h"

#define SETS_FIRST (1u << 14) /* 256 KB */
#define SETS_MOST  (1u << 18)
#define PAGE       4096u

#define NEAR_SIZE  (sizeof(struct orders_near) << ORDERS_NEAR_LOG) /* 1 MB */

struct orders *orders_known;
struct orders_near *orders_near;

static size_t orders_size(uint32_t sets)
{
    return sizeof(struct orders) + (size_t)sets * ORDERS_WAYS * sizeof(uint32_t);
}

/* Whole pages; they take no memory until they are used again. */
static void pages_empty(void *pages, size_t size)
{
    if (raw3(SYS_madvise, pages, size, 4 /* MADV_DONTNEED */) != 0)
        raw_zero(pages, size); /* locked */
}

/* From its second page on. */
static void orders_empty(struct orders *orders)
{
    size_t size = orders_size(orders->sets) - PAGE;
    pages_empty((uint8_t *)orders + PAGE, (size + PAGE - 1) & ~(size_t)(PAGE - 1));
}

static struct orders *orders_make(uint32_t sets)
{
    struct orders *fresh = memory_get(orders_size(sets));
    if (fresh)
        fresh->sets = sets;
    return fresh;
}

static struct orders *orders_first(void)
{
    struct orders *fresh = orders_make(SETS_FIRST), *none = NULL;
    if (!fresh)
        return NULL;
    if (!__atomic_compare_exchange_n(&orders_known, &none, fresh, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return none;
    __atomic_store_n(&orders_near, memory_get(NEAR_SIZE), __ATOMIC_RELEASE);
    return fresh;
}

/* A quarter of what it has room for was forgotten. Who looks at the old one meanwhile finds nothing there, but the size. */
static NOINLINE void orders_grow(struct orders *orders)
{
    struct orders *fresh = orders->sets < SETS_MOST ? orders_make(orders->sets * 4) : NULL;
    if (!fresh)
        return;
    __atomic_store_n(&orders_known, fresh, __ATOMIC_RELEASE);
    orders_empty(orders);
}

bool orders_met(uint64_t key)
{
    struct orders *orders = __atomic_load_n(&orders_known, __ATOMIC_ACQUIRE);
    if (UNLIKELY(!orders) && !(orders = orders_first()))
        return false;
    uint32_t *set = orders_set(orders, key), tag = (uint32_t)key;
    for (uint32_t way = 0; way < ORDERS_WAYS; way++)
        if (LIKELY(set[way] == tag))
            return true;
    for (uint32_t way = 0; way < ORDERS_WAYS; way++)
        if (!set[way]) {
            set[way] = tag;
            return false;
        }
    set[(key >> 60) % ORDERS_WAYS] = tag;
    if (__atomic_add_fetch(&orders->forgotten, 1, __ATOMIC_RELAXED) == orders->sets)
        orders_grow(orders);
    return false;
}

void orders_fork_child(void)
{
    struct orders *orders = orders_known;
    if (!orders)
        return;
    orders->forgotten = 0;
    raw_zero(orders->tags, PAGE - sizeof *orders);
    orders_empty(orders);
    if (orders_near)
        pages_empty(orders_near, NEAR_SIZE);
}
