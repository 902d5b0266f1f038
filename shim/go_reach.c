/*
 * What can a goroutine that goes on still reach? A conservative search at the end of the process: every word that may be a
 * pointer into Go's heap is taken for one. It begins with the stacks of the goroutines that can go on; whoever waits for
 * something found may be woken and go on, so its stack follows. After these come the variables of the program and its
 * libraries, and C's heap and threads; last, finalizers of what nobody has any more. What a goroutine waits for and nobody
 * found cannot end its wait: that is proved.
 */
#include "shim/go_search.h"

#include "shim/apart.h"
#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/table.h"
#include "shim/task.h"

/* Words of a saved context: the stack pointer stands sixth in libgo's own, or is rsp in a ucontext_t, which a libgo for CET
 * saves: (40 + 15 * 8) / 8. */
#define OWN_RSP_WORD  6u
#define REG_RSP_WORD  20u
#define CONTEXT_WORDS 32u

/* ---- stacks ---- */

/* The one that is on the stack; 0: neither. */
static uint64_t saved_sp(const uint64_t *context, const struct trace_task *record)
{
    uint64_t own = context[OWN_RSP_WORD], rsp = context[REG_RSP_WORD];
    return own >= record->stack_low && own <= record->stack_high   ? own
           : rsp >= record->stack_low && rsp <= record->stack_high ? rsp
                                                                   : 0;
}

uint64_t go_resting_sp(const struct go *go)
{
    return saved_sp((const uint64_t *)(go->g + go_layout.g_context), task_record(go->task));
}

#define STATUS_MASK 0xfffu
#define STATUS_RUNS 2u
#define STATUS_CALL 3u

static void words(struct search *search, const uint64_t *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        search_word(search, items[i]);
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
    return saved_sp(context, task_record(go->task));
}

/* What is the goroutine's own, but not on its stack: deferred calls, panics, what it was made with. */
static void linked_scan(struct search *search, const struct go *go)
{
    search_word(search, *(const volatile uint64_t *)(go->g + go_layout.g_defer));
    search_word(search, *(const volatile uint64_t *)(go->g + go_layout.g_panic));
    search_word(search, *(const volatile uint64_t *)(go->g + go_layout.g_parameter));
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
        if (sp < record->stack_low && sp + BELOW_PANIC >= record->stack_low)
            sp = record->stack_low;
    }
    /* One that has outgrown its first part goes on elsewhere. Where the stack of one that is in C ends now is not known:
     * some of what lies below its last call is taken along. */
    if (sp < record->stack_low || sp > high) {
        search->too_much = true;
        sp = record->stack_low;
    } else if (!exact)
        sp = sp - 16384 > record->stack_low ? sp - 16384 : record->stack_low;
    search_area(search, sp, high);
    if (go == search->finalizes)
        go_finalizers_queued(search, search->where);
}

static bool object_found(const struct search *search, uint32_t id)
{
    uint64_t size;
    bool pointers;
    if (!id)
        return false;
    uint64_t base = search_object(object_table[id].shown.address, &size, &pointers);
    if (base)
        return search_has(search->found, base);
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

/* One of the runtime's own, which serves nobody; but that which calls finalizers does what the program says. */
static bool serves_nobody(const struct go *go, const struct trace_task *record)
{
    return record->flags & TRACE_TASK_SYSTEM &&
           !*(volatile uint8_t *)(go->g + go_layout.g_finalizer);
}

/* Does it wait, with nothing found yet that can end it? */
static bool stuck(const struct go *go)
{
    if (!go->task)
        return false;
    const struct trace_task *record = task_record(go->task);
    return go_parks(go) && record->state == TRACE_TASK_BLOCKED && !serves_nobody(go, record) &&
           !(record->flags & (TRACE_TASK_TIMED | TRACE_TASK_REACHED_BY | TRACE_TASK_REACHED));
}

static void waiting(struct go *go, void *data)
{
    struct search *search = data;
    if (!stuck(go) || !awaited_found(search, task_record(go->task)))
        return;
    struct trace_task *record = task_record(go->task);
    record->flags |= search->flag;
    search->changed = true;
    stack_scan(search, go, record);
    search_drain(search);
}

static void spread(struct search *search)
{
    search_drain(search);
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

/* Parked by the runtime for a reason of its own, as one that is to help the collector: it goes on. */
static bool runtime_parks(const struct trace_task *record)
{
    return record->primitive == PRIMITIVE_go_park && !(record->flags & TRACE_TASK_SYSTEM);
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
    if (!go_parks(go) || serves_nobody(go, record))
        return;
    if (record->state == TRACE_TASK_RUNNING || record->state == TRACE_TASK_CREATED ||
        (record->state == TRACE_TASK_BLOCKED &&
         (record->flags & TRACE_TASK_TIMED || runtime_parks(record) || from_outside(record)))) {
        go->at_work = true;
        stack_scan(search, go, record);
        search_drain(search);
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
    for (; p && search_object(p, &size, &pointers) == p && search_is_p(p, size);
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
    for (uint32_t i = 0;
         i < 65536 && m && search_object(m, &size, &pointers) == m && search_is_m(m, size); i++) {
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
        search_object(array, &size, &pointers) != array || size < length * 8)
        return;
    for (uint64_t i = 0; i < length; i++)
        processors_add(all, ((const volatile uint64_t *)array)[i]);
}

/* What a timer that is still to go off leads to can go on: its channel, the function it calls. */
static void timer(struct search *search, uint64_t address)
{
    uint64_t size;
    bool pointers;
    if (search_object(address, &size, &pointers) == 0)
        return;
    uint32_t status = *(const volatile uint32_t *)(address + go_layout.timer_status);
    if (status < 64 && STATUS_LIVE >> status & 1)
        search_word(search, *(const uint64_t *)(address + go_layout.timer_argument + 8));
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
    search_drain(search);
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

static void region_add(struct go_regions *regions, const char *line, const char *end)
{
    const char *p = line;
    uint64_t low = hex(&p);
    if (*p++ != '-')
        return;
    uint64_t high = hex(&p);
    if (p + 5 > end || p[1] != 'r' || p[2] != 'w' || p[4] != 'p')
        return;
    if (regions->count == GO_REGIONS_MAX) {
        regions->too_many = true;
        return;
    }
    regions->items[regions->count++] = (struct go_region){low, high, contains(p, end, "[heap]")};
}

static void regions_read(void *data)
{
    char text[2048];
    size_t kept = 0;
    struct go_regions *regions = data;
    long fd = raw3(SYS_open, "/proc/self/maps", 02000000 /* O_CLOEXEC */, 0);
    regions->known = fd >= 0;
    while (fd >= 0) {
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
    if (fd >= 0)
        raw1(SYS_close, fd);
}

static void within(struct search *search, const struct go_region *region, uint64_t low,
                   uint64_t high, void (*visit)(struct search *, uint64_t, uint64_t))
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
static void variables(struct search *search, const struct go_regions *regions)
{
    for (uint32_t r = 0; r < regions->count; r++) {
        const struct go_region *region = &regions->items[r];
        if (region->heap)
            search_area(search, region->low, region->high);
        for (uint32_t i = 1; i < table_modules.count && !region->heap; i++) {
            const struct trace_module *module = table_slot(&table_modules, i);
            if (!module->unload_tsc && !(module->flags & TRACE_MODULE_RUNTIME))
                within(search, region, module->low, module->high, search_area);
        }
        search_drain(search);
    }
    for (uint32_t task = 1; task < table_tasks.count; task++) {
        const struct trace_task *record = task_record(task);
        if (record->kind == TRACE_TASK_THREAD && record->state != TRACE_TASK_ENDED &&
            !(record->flags & (TRACE_TASK_SYSTEM | TRACE_TASK_MAIN)) && !parked(record))
            search_area(search, record->stack_low, record->stack_high);
    }
    search_drain(search);
}

static void known(struct go *go, void *data)
{
    (void)data;
    if (go_parks(go))
        task_record(go->task)->flags |=
            TRACE_TASK_REACH_KNOWN | (go->at_work ? TRACE_TASK_REACHED_BY : 0);
}

/*
 * Who was found may go on; of the others it is not known, nor of what one that ran meanwhile waits for since. Where no more
 * than the variables was too much, nobody who goes on leads to them: a variable may.
 */
static void not_known(struct go *go, void *data)
{
    const bool *wakers_found = data;
    if (!go_parks(go))
        return;
    struct trace_task *record = task_record(go->task);
    record->flags &= ~TRACE_TASK_REACHED;
    if (go->at_work)
        record->flags |= TRACE_TASK_REACHED_BY;
    else if (*wakers_found && !(record->flags & TRACE_TASK_REACHED_BY))
        record->flags |= TRACE_TASK_REACHED;
}

static void forget(struct go *go, void *data)
{
    (void)data;
    go->at_work = false;
    if (go->task)
        task_record(go->task)->flags &=
            ~(TRACE_TASK_REACH_KNOWN | TRACE_TASK_REACHED | TRACE_TASK_REACHED_BY);
}

/* ---- finalizers ---- */

#define ROUNDS_MAX 64u

static uint64_t *kept; /* objects that somebody has, be it one that is stuck */

/* Not how they end their waits, but what they keep from the collector. */
static void keeps(struct go *go, void *data)
{
    struct search *search = data;
    if (!stuck(go))
        return;
    stack_scan(search, go, task_record(go->task));
    search_drain(search);
}

/* Somebody has the object: if he gives it up the finalizer runs. */
static void finalizer_of_found(struct search *search, uint64_t object, uint64_t function)
{
    if (search_has(search->found, object))
        search_word(search, function);
    else
        search->changed = true;
}

/* Nobody has it: the finalizer runs as soon as the collector does. It is given the object. */
static void finalizer_of_garbage(struct search *search, uint64_t object, uint64_t function)
{
    if (search_has(kept, object))
        return;
    search_word(search, object);
    search_word(search, function);
}

/* True: there are others, whose objects have not been found. */
static bool finalizers_found(struct search *search, const struct go_finalizers *where)
{
    uint32_t before;
    do {
        before = search->found_count;
        search->changed = false;
        go_finalizers_each(search, where, finalizer_of_found);
        search_drain(search);
    } while (search->found_count > before && !search->too_much);
    bool others = search->changed;
    spread(search);
    return others;
}

static void free_to_go(struct go *go, void *data)
{
    if (go->task && task_record(go->task)->flags & TRACE_TASK_REACHED_BY)
        ++*(uint32_t *)data;
}

/*
 * Those of objects that are only kept by who is stuck do not run. What the others lead to is looked for in a search of its
 * own, since one that is stuck may have found it in the other. Who can go on by them keeps nothing for ever: so again, until
 * nobody is added. (Stacks are not exact: a worker often has a word of the cache that was made before its own.)
 */
static void finalizers(struct search *search, const struct go_finalizers *where)
{
    const size_t size = sizeof(uint64_t) << SEARCH_OBJECTS_LOG2;
    if (!finalizers_found(search, where) || search->too_much)
        return;
    uint64_t *found = search->found, *by_them = memory_get(size);
    uint32_t count = search->found_count, count_by_them = 0, before, after = 0;
    kept = memory_get(size);
    if (!by_them || !kept) {
        search->too_much = true;
        return;
    }
    search->flag = TRACE_TASK_REACHED_BY;
    for (uint32_t round = 0; !search->too_much; round++) {
        before = after;
        raw_copy(kept, found, size);
        search->found = kept;
        search->found_count = count;
        go_each(keeps, search);
        search->found = by_them;
        search->found_count = count_by_them;
        go_finalizers_each(search, where, finalizer_of_garbage);
        spread(search);
        count_by_them = search->found_count;
        after = 0;
        go_each(free_to_go, &after);
        if (round && after == before)
            break;
        search->too_much |= round == ROUNDS_MAX;
    }
}

static void finalizes(struct go *go, void *data)
{
    struct search *search = data;
    if (go->task && task_record(go->task)->flags & TRACE_TASK_FINALIZES)
        search->finalizes = go;
}

static bool finalizers_run(const struct search *search)
{
    return !search->finalizes || !stuck(search->finalizes);
}

static struct search *search_made; /* one at the end of the process; its memory is not given back */

void go_reach(const struct go *ender, uint64_t sp)
{
    search_made = NULL;
    go_each(forget, NULL);
    struct search *search = memory_get(sizeof *search);
    struct go_finalizers *where = memory_get(sizeof *where);
    struct go_regions *regions = memory_get(sizeof *regions);
    if (!search || !where || !regions)
        return;
    apart(regions_read, regions);
    if (!regions->known)
        return;
    search->ender = ender;
    search->ender_sp = sp;
    search->flag = TRACE_TASK_REACHED_BY;
    search->where = where;
    where->memory = regions;
    search->found = memory_get(sizeof(uint64_t) << SEARCH_OBJECTS_LOG2);
    search->pending = memory_get(sizeof(uint64_t) << SEARCH_OBJECTS_LOG2);
    if (!search->found || !search->pending)
        return;
    for (uint32_t i = 0; i < regions->count; i++) {
        const struct go_region *region = &regions->items[i];
        within(search, region, go_layout.code_low, go_layout.code_high, timers);
        if (region->low < go_layout.code_high && region->high > go_layout.code_low)
            go_finalizers_find(where, region->low, region->high);
    }
    search->too_much = regions->too_many;
    go_each(finalizes, search);
    if (!search->finalizes)
        go_finalizers_queued(search, where);
    go_each(running, search);
    spread(search);
    search->wakers_found = !search->too_much;
    /* Where finalizers are kept must have been found, or nothing is proved. */
    search->too_much |= where->too_many || !where->spans;
    search->flag = TRACE_TASK_REACHED;
    variables(search, regions);
    spread(search);
    if (finalizers_run(search))
        finalizers(search, where);
    search_made = search;
}

void go_reach_end(bool sound)
{
    if (!search_made)
        return;
    bool wakers_found = search_made->wakers_found && sound;
    go_each(wakers_found && !search_made->too_much ? known : not_known, &wakers_found);
}
