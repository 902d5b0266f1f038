/*
 * What the copies of patch_property_test.c record: a slow path that notes each access and lets the inlined tests hit and
 * miss. Included once, before the rewriter's sources.
 */
#ifndef SHIM_PATCH_RECORD_MAKE_H
#define SHIM_PATCH_RECORD_MAKE_H

static uint8_t recorded[2][DATA_BYTES]; /* [write] */
static uint8_t happened_in[BATCH][2][DATA_BYTES], (*happened)[DATA_BYTES];
static uint32_t bracket_toss, wide_brackets;
static bool stepping;
static enum { STEP_ORIGINAL, STEP_COPY } step_mode;
static bool in_bracket;

static void note(uint8_t (*to)[DATA_BYTES], uint64_t address, uint64_t size, bool write)
{
    for (uint64_t i = 0; i < size; i++)
        if (address + i - DATA < DATA_BYTES)
            to[write][address + i - DATA] = 1;
}

/* A filter of 64 lines, so that the inlined test hits and misses; a byte written counts as read. Behind it, as in an arena
 * of filter.c, who touched each line first. */
static struct {
    struct filter_entry both[128];
    uint8_t between[FILTER_GATHERED - 128 * sizeof(struct filter_entry)];
    struct gathered gathered[128];
} filter;
static struct filter_entry *const filter_both = filter.both, *const filter_reads = filter.both,
                                  *const filter_writes = filter.both + 64;
static struct gathered *const filter_gathered = filter.gathered;

/* What the original did: instruction, bytes, way. */
struct event {
    uint64_t pc, address;
    uint32_t size, write;
};
static const struct event *event_from, *event_to;

/* The bytes that the instruction touched in this way. */
static uint64_t event_bytes(uint64_t pc, uint64_t line, uint32_t write)
{
    uint64_t bytes = 0;
    for (const struct event *e = event_from; e < event_to; e++)
        for (uint64_t i = 0; e->pc == pc && e->write == write && i < e->size; i++)
            if (e->address + i - line < LINE_BYTES)
                bytes |= UINT64_C(1) << (e->address + i - line);
    return bytes;
}

static uint64_t near_bytes, several_entries, single_entries;
static uint64_t open_bytes[2]; /* likewise of open records; by patch_has_bmi2 */

/* What is gathered in an entry was recorded. Without SEVERAL, the first instruction touched all of it. */
static void gathered_note(uint32_t number)
{
    struct filter_entry *entry = &filter_both[number];
    struct gathered *g = &filter_gathered[number];
    uint32_t write = number >= 64;
    uint64_t line = entry->tag & ~UINT64_C(63), mask = ~entry->unseen;
    struct filter_entry *other = &filter_both[(number & 63) + (write ? 0 : 64)];
    if (g->pc && !write && other->tag == entry->tag)
        mask &= other->unseen;
    if (write && other->tag == entry->tag)
        other->unseen |= mask;
    if (g->pc && !(g->site & GATHERED_SEVERAL)) {
        uint64_t pc = (g->pc & ((UINT64_C(1) << GATHERED_KIND) - 1)) - 1;
        assert_int_equal(mask & ~event_bytes(pc, line, write), 0);
    }
    several_entries += g->pc && g->site & GATHERED_SEVERAL;
    single_entries += g->pc && !(g->site & GATHERED_SEVERAL);
    for (uint32_t i = 0; g->pc && i < 64; i++)
        if (mask >> i & 1) {
            bool near = line + i - DATA < DATA_BYTES && !recorded[write][line + i - DATA];
            assert_false(near && g->site & GATHERED_SLOW);
            near_bytes += near;
            note(recorded, line + i, 1, write);
        }
    g->pc = 0;
}

static void gathered_notes(void)
{
    for (uint32_t i = 128; i--;) /* writes first */
        gathered_note(i);
}

/* site: of whose check the access is; 0: of none, so that it has a record of its own. */
static void seen(struct filter_entry *entries, uint64_t address, uint64_t size, uint32_t site,
                 const struct gathered *first)
{
    for (uint64_t i = 0; i < size; i++) {
        uint64_t line = (address + i) & ~UINT64_C(63);
        struct filter_entry *entry = &entries[line >> 6 & 63];
        struct gathered *g = &filter_gathered[entry - filter_both];
        if (entry->tag != line) {
            if (access_fast.gathering)
                gathered_note((uint32_t)(entry - filter_both));
            *entry = (struct filter_entry){line, ~UINT64_C(0)};
            *g = (struct gathered){.site = GATHERED_SLOW};
        }
        bool fresh = entry->unseen >> (address + i) % 64 & 1;
        entry->unseen &= ~(UINT64_C(1) << (address + i) % 64);
        if (!access_fast.gathering || !fresh || !first)
            continue;
        if (!site)
            g->site |= GATHERED_SEVERAL;
        else if (!g->pc)
            *g = (struct gathered){first->pc, first->context,
                                   first->site | (g->site & GATHERED_SEVERAL)};
        else if (g->pc != first->pc || g->context != first->context)
            g->site |= GATHERED_SEVERAL;
    }
}

/* The open table, as the slow path leaves it: what the copies add to it was recorded, too. */
#define CONTEXT_BEFORE 77u /* of whoever calls the function */
static struct trace_open open_table[TRACE_OPEN_ENTRIES];

/* Each function has its own: nothing that was known in another may be known in it, or behind a call. */
static uint32_t context_of(const struct patch_site *site)
{
    return (uint32_t)(site->pc - site->function);
}

static void open_note(struct trace_open *entry)
{
    for (uint32_t i = 0; i < 64; i++)
        if (entry->mask >> i & 1)
            note(recorded, entry->line + i, 1, entry->kind & TRACE_KIND_WRITE);
    if (entry->line != LINE_BYTES) /* see written() */
        open_bytes[patch_has_bmi2] += (uint64_t)__builtin_popcountll(entry->mask);
    entry->mask = 0;
}

/* Copies have opened records again, in a context that they know; not where lines with marked bytes are known. */
static uint64_t opened_again;
static void open_notes(void)
{
    static uint32_t toss;
    for (uint32_t i = 0; i < TRACE_OPEN_ENTRIES; i++) {
        open_note(&open_table[i]);
        if (!(access_fast.order[i / 64] >> i % 64 & 1))
            continue;
        assert_true(open_table[i].context != 0 && !access_fast.marked);
        opened_again++;
    }
    memset(access_fast.order, 0, sizeof access_fast.order);
    access_fast.marked = ++toss % 4 == 0;
}

/* The copy may add bytes of this line by itself, if it knows the context. */
static void allow_near(const struct patch_site *site)
{
    static uint32_t toss;
    uintptr_t line = patch_thread.address & ~(uintptr_t)(LINE_BYTES - 1);
    struct trace_open *entry = &open_table[site->slot];
    open_note(entry);
    *entry = (struct trace_open){.line = line,
                                 .pc = site->pc + 1,
                                 .stride = 1,
                                 .kind = site->kind,
                                 .context = context_of(site)};
    if (++toss % 5 != 0)
        open_near(entry, open_near_word(toss % 3 ? 1 : -1, patch_thread.site));
    patch_thread.context = toss % 7 != 0 ? context_of(site) : 0;
}

/* All that there is: the data, the functions' own stack, and a variable of their thread. */
static uint64_t stack_records, own_records;
static void check_place(uint64_t address, uint64_t size)
{
    if (address - (uint64_t)(uintptr_t)stack < STACK)
        stack_records++;
    else if (address - (uint64_t)(uintptr_t)own_bytes < OWN_BYTES)
        own_records++;
    else
        assert_true(address >= DATA && address + size <= DATA + DATA_BYTES);
}

static void record_access(uint64_t address, uint64_t size, bool write,
                          const struct patch_site *site)
{
    static uint32_t toss;
    struct gathered first = {0, CONTEXT_BEFORE, 0};
    if (site)
        first = (struct gathered){(site->pc + 1) | (uint64_t)site->kind << GATHERED_KIND,
                                  context_of(site),
                                  patch_thread.site | (++toss % 5 ? 0 : GATHERED_SLOW)};
    assert_false(in_bracket);
    check_place(address, size);
    if (stepping) /* every step is a signal: nothing is seen, all goes the long way */
        return;
    note(recorded, address, size, write);
    if (write)
        seen(filter_writes, address, size, first.site, &first);
    seen(filter_reads, address, size, first.site, write ? NULL : &first);
}

bool access_near(uintptr_t address, const struct patch_site *site, uint32_t number)
{
    (void)address, (void)number;
    if (site->action != PATCH_SPAN)
        assert_int_equal(patch_thread.context, context_of(site));
    return false;
}

bool access_arrived(uintptr_t address, const struct patch_site *site, uint32_t number, uintptr_t sp)
{
    (void)address, (void)site, (void)number, (void)sp;
    return false;
}

bool patch_arrive(const struct patch_site *site, const struct patch_frame *frame)
{
    (void)site, (void)frame;
    assert_int_equal(patch_thread.context, 0);
    return false;
}

bool patch_access(const struct patch_site *site, const struct patch_frame *frame)
{
    (void)frame;
    record_access(patch_thread.address, site->size, site->kind & TRACE_KIND_WRITE, site);
    in_bracket = site->details & PATCH_BRACKET && ++bracket_toss % 3 == 0;
    wide_brackets += in_bracket && site->size > 16;
    if (stepping)
        patch_thread.context = context_of(site);
    else if (!in_bracket)
        allow_near(site);
    return in_bracket;
}

/* Of the bytes that the filter knows side by side, an access and some around it. */
static bool known_byte(uint64_t address, bool write)
{
    const struct filter_entry *entry = &(write ? filter_writes : filter_reads)[address >> 6 & 63];
    return (address ^ entry->tag) < LINE_BYTES && !(entry->unseen >> address % LINE_BYTES & 1);
}

void patch_span_ask(const struct patch_site *site)
{
    static uint32_t toss;
    bool write = site->kind & TRACE_KIND_WRITE;
    uint64_t low = patch_thread.address, high = low + site->size;
    uint32_t number = site->details - 1u, reach = ++toss % 100;
    for (uint64_t at = low; at < high; at++)
        assert_true(known_byte(at, write));
    while (patch_thread.address - low < reach && known_byte(low - 1, write))
        low--;
    while (high - patch_thread.address < 2 * reach && known_byte(high, write))
        high++;
    patch_spans.left[number] = (int32_t)(toss % 3);
    if (!access_fast.gathering)
        return;
    patch_spans.low[number] = low - (uint64_t)(int64_t)site->displacement;
    patch_spans.high[number] = high - (uint64_t)(int64_t)site->displacement - site->size + 1;
}

void patch_access_after(const struct patch_site *site, const struct patch_frame *frame)
{
    (void)site, (void)frame;
    assert_true(in_bracket);
    in_bracket = false;
}

void patch_range(const struct patch_site *site, const struct patch_frame *frame, uintptr_t address,
                 size_t size, uint32_t kind)
{
    (void)site, (void)frame;
    record_access(address, size, kind & TRACE_KIND_WRITE, NULL);
}

static uintptr_t locked;
void patch_lock_before(const struct patch_site *site, const struct patch_frame *frame)
{
    (void)frame;
    locked = patch_thread.address;
    record_access(locked, site->size, true, NULL);
}

void patch_lock_after(const struct patch_site *site, const struct patch_frame *frame)
{
    (void)site, (void)frame;
    assert_true(locked == patch_thread.address);
}

void patch_syscall_before(const struct patch_frame *frame, uintptr_t pc)
{
    (void)frame, (void)pc;
}

void patch_syscall_after(const struct patch_frame *frame, uintptr_t pc)
{
    (void)frame, (void)pc;
}

static void filters_clear(void)
{
    for (uint32_t i = 0; i < 128; i++)
        filter_both[i] = (struct filter_entry){0, ~UINT64_C(0)};
    memset(filter_gathered, 0, sizeof filter.gathered);
    access_fast.reads = (struct filter){filter_reads, 63 * sizeof *filter_reads};
    access_fast.writes = (struct filter){filter_writes, 63 * sizeof *filter_writes};
    access_fast.table = open_table;
    memset(open_table, 0, sizeof open_table);
    memset(recorded, 0, sizeof recorded);
    memset(patch_words, 0, sizeof patch_words);
    memset(&patch_spans, 0, sizeof patch_spans);
}

/* As if some of what is open had been written, and some were of a line elsewhere. All lines stay known, but none of their
 * bytes. */
static void written(void)
{
    open_notes();
    for (uint32_t k = 0; k < TRACE_OPEN_ENTRIES; k += 2) {
        open_table[k].line = k & 2 ? LINE_BYTES : 0;
        open_table[k].mask = k & 2 ? 1 : 0;
    }
    for (uint32_t k = 0; k < 64; k++)
        filter_reads[k].unseen = filter_writes[k].unseen = ~UINT64_C(0);
}

#endif
