/*
 * What can a goroutine that goes on still reach? A conservative search at the end of the process: every word that may be a
 * pointer into Go's heap is taken for one. It begins with the stacks of the goroutines that can go on; whoever waits for
 * something found may be woken and go on, so its stack follows. After these come the variables of the program and its
 * libraries, and C's heap and threads. What a goroutine waits for and nobody found cannot end its wait: that is proved.
 *
 * What the runtime itself keeps does not count: its g's, waiters (sudog), processors (p) and machines (m) are not looked
 * into. They are told by their size, and by what must stand in them.
 */
#include "shim/go_halt.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/table.h"
#include "shim/task.h"

#define ADDRESS_LOW   UINT64_C(0x10000) /* what lies outside is no pointer */
#define ADDRESS_HIGH  (UINT64_C(1) << 47)
#define OBJECTS_LOG2  20u          /* of found objects: 8 MB; beyond it nothing is said */
#define BYTES_MAX     (128u << 20) /* scanned, likewise: about a quarter of a second */
#define WAITER_MAX    256u         /* sizes of a sudog and its like */
#define REG_RSP_WORD  20u          /* in a saved context: (40 + 15 * 8) / 8 */
#define CONTEXT_WORDS 32u

struct search {
    const struct go *ender; /* who ended the program ... */
    uint64_t
        ender_sp; /* ... and how far its stack reaches; 0: it has returned, nobody goes on there */
    uint64_t *found; /* hash set of addresses of heap objects, 0 empty */
    uint64_t *pending;
    uint32_t found_count, pending_count;
    uint64_t scanned;
    bool too_much, changed;
    uint32_t flag; /* for goroutines whose object is found in this round */
    uint64_t copy[4096];
};

static bool add(struct search *search, uint64_t base)
{
    uint64_t mask = (UINT64_C(1) << OBJECTS_LOG2) - 1;
    uint64_t at = base * 0x9e3779b97f4a7c15u >> (64 - OBJECTS_LOG2);
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

static bool has(const struct search *search, uint64_t base)
{
    uint64_t mask = (UINT64_C(1) << OBJECTS_LOG2) - 1;
    uint64_t at = base * 0x9e3779b97f4a7c15u >> (64 - OBJECTS_LOG2);
    for (; search->found[at]; at = (at + 1) & mask)
        if (search->found[at] == base)
            return true;
    return false;
}

/* The heap object around `address`: where it begins, how large it is, whether it holds pointers. */
static uint64_t object_of(uint64_t address, uint64_t *size, bool *pointers)
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
static bool is_p(uint64_t base, uint64_t size)
{
    uint64_t first = *(const uint64_t *)base;
    return of_size(size, go_layout.p_size) && (uint32_t)first < 4096 && first >> 32 <= 4;
}

/* It begins with its g0. */
static bool is_m(uint64_t base, uint64_t size)
{
    uint64_t inner;
    bool pointers;
    return of_size(size, go_layout.m_size) &&
           object_of(*(const uint64_t *)base, &inner, &pointers) &&
           of_size(inner, go_layout.g_size);
}

static bool of_runtime(uint64_t base, uint64_t size)
{
    if (size <= WAITER_MAX)
        return go_known(*(const uint64_t *)(base + go_layout.waiter_g)) != NULL;
    return (of_size(size, go_layout.g_size) && go_known(base)) || is_p(base, size) ||
           is_m(base, size);
}

static void word(struct search *search, uint64_t address)
{
    uint64_t size;
    bool pointers;
    uint64_t base = object_of(address, &size, &pointers);
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
    search->too_much = search->scanned > BYTES_MAX;
    return !search->too_much;
}

/* An object of Go's heap, which is never given back to the system while the process lives. */
static void heap_area(struct search *search, uint64_t low, uint64_t high)
{
    if (!scan_begin(search, &low, high))
        return;
    for (uint64_t at = low; at + 8 <= high; at += 8)
        word(search, *(const volatile uint64_t *)at);
}

/*
 * Stacks and variables, whose owners may still be running, end and unmap them: read by the kernel, which refuses what is
 * not there. Where it refuses altogether, nothing is said.
 */
static void area(struct search *search, uint64_t low, uint64_t high)
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
            word(search, search->copy[i / 8]);
        low = got > 0 ? low + ((uint64_t)got & ~UINT64_C(7)) : (low | 4095) + 1;
    }
}

static void drain(struct search *search)
{
    while (search->pending_count && !search->too_much) {
        uint64_t base = search->pending[--search->pending_count], size;
        bool pointers;
        object_of(base, &size, &pointers);
        heap_area(search, base, base + size);
    }
}

/* ---- stacks ---- */

uint64_t go_resting_sp(const struct go *go)
{
    return ((const uint64_t *)(go->g + go_layout.g_context))[REG_RSP_WORD];
}

#define STATUS_MASK 0xfffu
#define STATUS_RUNS 2u
#define STATUS_CALL 3u

static void words(struct search *search, const uint64_t *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        word(search, items[i]);
}

/*
 * Registers: of one that runs those that its thread stands with; of one in a system call or in C those that it went there
 * with; else those that it was switched away with.
 */
static uint64_t registers_scan(struct search *search, const struct go *go, bool *exact)
{
    uint32_t status = *(volatile uint32_t *)(go->g + go_layout.g_status) & STATUS_MASK;
    const struct go_halted *halted = go_halt_find(go->g);
    const uint64_t *context = (const uint64_t *)(go->g + go_layout.g_context);
    *exact = task_record(go->task)->state == TRACE_TASK_BLOCKED;
    if (halted) {
        words(search, halted->words, halted->count);
        *exact = true;
        return halted->sp;
    }
    if (status == STATUS_CALL)
        context = (const uint64_t *)(go->g + go_layout.g_call_registers);
    else if (status == STATUS_RUNS && go != search->ender)
        search->too_much = true; /* nobody knows what it has */
    words(search, context, CONTEXT_WORDS);
    return context[REG_RSP_WORD];
}

/* What is the goroutine's own, but not on its stack: deferred calls, panics, what it was made with. */
static void linked_scan(struct search *search, const struct go *go)
{
    word(search, *(const volatile uint64_t *)(go->g + go_layout.g_defer));
    word(search, *(const volatile uint64_t *)(go->g + go_layout.g_panic));
    word(search, *(const volatile uint64_t *)(go->g + go_layout.g_parameter));
}

static void stack_scan(struct search *search, const struct go *go, const struct trace_task *record)
{
    uint64_t high = record->stack_high;
    bool exact;
    uint64_t sp = registers_scan(search, go, &exact);
    if (record->stack_low >= high)
        return;
    linked_scan(search, go);
    if (go == search->ender) {
        sp = search->ender_sp;
        exact = true;
    }
    /* Where the stack of one that is in C ends now is not known: some of what lies below its last call is taken along. */
    if (sp < record->stack_low || sp > high)
        sp = high - 65536 > record->stack_low ? high - 65536 : record->stack_low;
    else if (!exact)
        sp = sp - 16384 > record->stack_low ? sp - 16384 : record->stack_low;
    area(search, sp, high);
}

static bool object_found(const struct search *search, uint32_t id)
{
    uint64_t size;
    bool pointers;
    if (!id)
        return false;
    uint64_t base = object_of(object_table[id].shown.address, &size, &pointers);
    if (base)
        return has(search, base);
    return search->flag == TRACE_TASK_REACHED; /* no heap object: a variable, which all can reach */
}

/* Is something found that this goroutine waits for? The mutex of a condition does not count: it wakes nobody. */
static bool awaited_found(const struct search *search, const struct trace_task *record)
{
    if (!record->list)
        return object_found(search, record->object);
    const uint64_t *words = table_slot(&table_stacks, record->list);
    for (uint64_t i = 1; i <= words[0]; i++)
        if (object_found(search, (uint32_t)(words[i] >> 1)))
            return true;
    return false;
}

static void waiting(struct go *go, void *data)
{
    struct search *search = data;
    if (!go->task)
        return;
    struct trace_task *record = task_record(go->task);
    if (!go_parks(go) || record->state != TRACE_TASK_BLOCKED ||
        record->flags &
            (TRACE_TASK_TIMED | TRACE_TASK_SYSTEM | TRACE_TASK_REACHED_BY | TRACE_TASK_REACHED) ||
        !awaited_found(search, record))
        return;
    record->flags |= search->flag;
    search->changed = true;
    stack_scan(search, go, record);
    drain(search);
}

static void spread(struct search *search)
{
    drain(search);
    do {
        search->changed = false;
        go_each(waiting, search);
    } while (search->changed && !search->too_much);
}

/* Does it wait for something that comes from outside: a signal by os/signal? */
static bool from_outside(const struct trace_task *record)
{
    if (!record->list)
        return record->object && object_table[record->object].shown.flags & TRACE_OBJECT_SHARED;
    const uint64_t *words = table_slot(&table_stacks, record->list);
    for (uint64_t i = 1; i <= words[0]; i++)
        if (object_table[words[i] >> 1].shown.flags & TRACE_OBJECT_SHARED)
            return true;
    return false;
}

/*
 * Stacks of those that can go on; not that of main once it has returned. Some run on in other threads meanwhile and may
 * begin to wait only now: nothing is said of these.
 */
static void running(struct go *go, void *data)
{
    struct search *search = data;
    if (!go->task || (go == search->ender && !search->ender_sp))
        return;
    const struct trace_task *record = task_record(go->task);
    if (!go_parks(go) || record->flags & TRACE_TASK_SYSTEM)
        return;
    if (record->state == TRACE_TASK_RUNNING || record->state == TRACE_TASK_CREATED ||
        (record->state == TRACE_TASK_BLOCKED &&
         (record->flags & TRACE_TASK_TIMED || from_outside(record)))) {
        go->at_work = true;
        stack_scan(search, go, record);
        drain(search);
    }
}

/* ---- timers ---- */

#define PROCESSORS_MAX 4096u /* of which there are as many as GOMAXPROCS says */
#define STATUS_LIVE \
    UINT64_C(0x3c6) /* runtime.timer...: Waiting, Running, Modifying, Modified..., Moving */

struct processors {
    uint64_t p[PROCESSORS_MAX];
    uint32_t count;
};

static void processors_add(struct processors *all, uint64_t p)
{
    uint64_t size;
    bool pointers;
    for (; p && object_of(p, &size, &pointers) == p && is_p(p, size);
         p = *(const uint64_t *)(p + go_layout.p_next)) {
        for (uint32_t i = 0; i < all->count; i++)
            if (all->p[i] == p)
                return;
        if (all->count == PROCESSORS_MAX)
            return;
        all->p[all->count++] = p;
    }
}

static void machines_add(struct processors *all, uint64_t m)
{
    uint64_t size;
    bool pointers;
    for (uint32_t i = 0; i < 65536 && m && object_of(m, &size, &pointers) == m && is_m(m, size);
         i++) {
        processors_add(all, *(const uint64_t *)(m + go_layout.m_p));
        m = *(const uint64_t *)(m + go_layout.m_next);
    }
}

/* runtime.allp has them all; by the lists alone one that changes hands would be missed. */
static void processors_of(struct processors *all, uint64_t array, uint64_t length)
{
    uint64_t size;
    bool pointers;
    if (!array || length == 0 || length > PROCESSORS_MAX ||
        object_of(array, &size, &pointers) != array || size < length * 8)
        return;
    for (uint64_t i = 0; i < length; i++)
        processors_add(all, ((const volatile uint64_t *)array)[i]);
}

/* What a timer that is still to go off leads to can go on: its channel, the function it calls. */
static void timer(struct search *search, uint64_t address)
{
    uint64_t size;
    bool pointers;
    if (object_of(address, &size, &pointers) == 0)
        return;
    uint32_t status = *(const volatile uint32_t *)(address + go_layout.timer_status);
    if (status < 64 && STATUS_LIVE >> status & 1)
        word(search, *(const uint64_t *)(address + go_layout.timer_argument + 8));
}

/* The runtime's array and lists of p's and m's begin in variables of libgo that have no names for us. */
static void timers(struct search *search, uint64_t low, uint64_t high)
{
    struct processors *all = low < high ? memory_get(sizeof *all) : NULL;
    if (!all)
        return;
    for (uint64_t at = (low + 7) & ~UINT64_C(7); at + 8 <= high; at += 8) {
        uint64_t value = *(const volatile uint64_t *)at;
        processors_add(all, value);
        machines_add(all, value);
        if (at + 16 <= high)
            processors_of(all, value, *(const volatile uint64_t *)(at + 8));
    }
    for (uint32_t i = 0; i < all->count; i++) {
        const uint64_t *list = (const uint64_t *)(all->p[i] + go_layout.p_timers);
        for (uint64_t n = 0; n < list[1] && list[1] < 1u << 20; n++)
            timer(search, ((const uint64_t *)list[0])[n]);
    }
    drain(search);
}

/* ---- variables ---- */

static uint64_t hex(const char **text)
{
    uint64_t value = 0;
    for (;; ++*text) {
        char c = **text;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return value;
    }
}

static bool contains(const char *line, const char *end, const char *part)
{
    size_t length = raw_length(part);
    for (; line + length <= end; line++)
        if (raw_equal_n(line, part, length))
            return true;
    return false;
}

/* Writable private memory of the process, from /proc/self/maps. */
struct region {
    uint64_t low, high;
    bool heap; /* C's */
};
#define REGIONS_MAX 4096u

struct regions {
    struct region items[REGIONS_MAX];
    uint32_t count;
};

static void region_add(struct regions *regions, const char *line, const char *end)
{
    const char *p = line;
    uint64_t low = hex(&p);
    if (*p++ != '-')
        return;
    uint64_t high = hex(&p);
    if (p + 5 > end || p[1] != 'r' || p[2] != 'w' || p[4] != 'p' || regions->count == REGIONS_MAX)
        return;
    regions->items[regions->count++] = (struct region){low, high, contains(p, end, "[heap]")};
}

static struct regions *regions_read(void)
{
    char text[2048];
    size_t kept = 0;
    struct regions *regions = memory_get(sizeof *regions);
    long fd = raw3(SYS_open, "/proc/self/maps", 02000000 /* O_CLOEXEC */, 0);
    if (fd < 0 || !regions)
        return NULL;
    for (;;) {
        long n = raw3(SYS_read, fd, text + kept, sizeof text - kept);
        if (n <= 0)
            break;
        size_t size = kept + (size_t)n, from = 0;
        for (size_t i = 0; i < size; i++) {
            if (text[i] != '\n')
                continue;
            region_add(regions, text + from, text + i);
            from = i + 1;
        }
        kept = size - from;
        for (size_t i = 0; i < kept; i++)
            text[i] = text[from + i];
        if (kept == sizeof text)
            break;
    }
    raw1(SYS_close, fd);
    return regions;
}

static void within(struct search *search, const struct region *region, uint64_t low, uint64_t high,
                   void (*visit)(struct search *, uint64_t, uint64_t))
{
    visit(search, region->low > low ? region->low : low, region->high < high ? region->high : high);
}

/* A C thread that waits within a call of Go: like a goroutine it goes on only if somebody finds what it waits for. */
static bool parked(const struct trace_task *record)
{
    return record->state == TRACE_TASK_BLOCKED && !(record->flags & TRACE_TASK_TIMED) &&
           trace_is_go(record->primitive);
}

/* The variables of the program and its libraries, but for our own; C's heap and the stacks of its threads. */
static void variables(struct search *search, const struct regions *regions)
{
    for (uint32_t r = 0; r < regions->count; r++) {
        const struct region *region = &regions->items[r];
        if (region->heap)
            area(search, region->low, region->high);
        for (uint32_t i = 1; i < table_modules.count && !region->heap; i++) {
            const struct trace_module *module = table_slot(&table_modules, i);
            if (!module->unload_tsc && !(module->flags & TRACE_MODULE_RUNTIME))
                within(search, region, module->low, module->high, area);
        }
        drain(search);
    }
    for (uint32_t task = 1; task < table_tasks.count; task++) {
        const struct trace_task *record = task_record(task);
        if (record->kind == TRACE_TASK_THREAD && record->state != TRACE_TASK_ENDED &&
            !(record->flags & (TRACE_TASK_SYSTEM | TRACE_TASK_MAIN)) && !parked(record))
            area(search, record->stack_low, record->stack_high);
    }
    drain(search);
}

static void known(struct go *go, void *data)
{
    (void)data;
    if (go_parks(go))
        task_record(go->task)->flags |=
            TRACE_TASK_REACH_KNOWN | (go->at_work ? TRACE_TASK_REACHED_BY : 0);
}

static void unknown(struct go *go, void *data)
{
    (void)data;
    if (go->task)
        task_record(go->task)->flags &= ~(TRACE_TASK_REACHED | TRACE_TASK_REACHED_BY);
}

static struct search *search_made; /* one at the end of the process; its memory is not given back */

void go_reach(const struct go *ender, uint64_t sp)
{
    struct search *search = memory_get(sizeof *search);
    if (!search)
        return;
    search->ender = ender;
    search->ender_sp = sp;
    search->flag = TRACE_TASK_REACHED_BY;
    search->found = memory_get(sizeof(uint64_t) << OBJECTS_LOG2);
    search->pending = memory_get(sizeof(uint64_t) << OBJECTS_LOG2);
    const struct regions *regions = regions_read();
    if (!search->found || !search->pending || !regions)
        return;
    for (uint32_t i = 0; i < regions->count; i++)
        within(search, &regions->items[i], go_layout.code_low, go_layout.code_high, timers);
    go_each(running, search);
    spread(search);
    search->flag = TRACE_TASK_REACHED;
    variables(search, regions);
    spread(search);
    search_made = search;
}

void go_reach_end(bool sound)
{
    if (search_made)
        go_each(search_made->too_much || !sound ? unknown : known, NULL);
}
