/*
 * What the copies of patch_property_test.c record: a slow path that notes each access and lets the inlined tests hit and
 * miss. Included once, before the rewriter's sources.
 */
#ifndef SHIM_PATCH_RECORD_MAKE_H
#define SHIM_PATCH_RECORD_MAKE_H

static uint8_t recorded[2][DATA_BYTES]; /* [write] */
static uint8_t happened_in[BATCH][2][DATA_BYTES], (*happened)[DATA_BYTES];
static uint32_t bracket_toss;
static bool stepping;
static enum { STEP_ORIGINAL, STEP_COPY } step_mode;
static bool in_bracket;

static void note(uint8_t (*to)[DATA_BYTES], uint64_t address, uint64_t size, bool write)
{
    for (uint64_t i = 0; i < size; i++)
        if (address + i - DATA < DATA_BYTES)
            to[write][address + i - DATA] = 1;
}

/* A filter of one line, so that the inlined test hits and misses; a byte written counts as read. */
static struct filter_entry filter_reads[64], filter_writes[64];

static void seen(struct filter_entry *entries, uint64_t address, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++) {
        uint64_t line = (address + i) & ~UINT64_C(63);
        struct filter_entry *entry = &entries[line >> 6 & 63];
        if (entry->tag != (line ^ access_fast.tag))
            *entry = (struct filter_entry){line ^ access_fast.tag, ~UINT64_C(0)};
        entry->unseen &= ~(UINT64_C(1) << (address + i) % 64);
    }
}

/* The open table, as the slow path leaves it: what the copies add to it was recorded, too. */
#define CONTEXT_BEFORE 77u /* of whoever calls the function */
static struct trace_open open_table[TRACE_OPEN_ENTRIES];
static uint64_t near_bytes;

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
    near_bytes += (uint64_t)__builtin_popcountll(entry->mask);
    entry->mask = 0;
}

static void open_notes(void)
{
    for (uint32_t i = 0; i < TRACE_OPEN_ENTRIES; i++)
        open_note(&open_table[i]);
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

static void record_access(uint64_t address, uint64_t size, bool write)
{
    assert_false(in_bracket);
    if (stepping) /* every step is a signal: nothing is seen, all goes the long way */
        return;
    note(recorded, address, size, write);
    seen(filter_reads, address, size);
    if (write)
        seen(filter_writes, address, size);
}

bool access_near(uintptr_t address, const struct patch_site *site, uint32_t number)
{
    (void)address, (void)number;
    assert_int_equal(patch_thread.context, context_of(site));
    return false;
}

bool patch_access(const struct patch_site *site, const struct patch_frame *frame)
{
    (void)frame;
    record_access(patch_thread.address, site->size, site->kind & TRACE_KIND_WRITE);
    in_bracket = site->details & PATCH_BRACKET && ++bracket_toss % 3 == 0;
    if (stepping)
        patch_thread.context = context_of(site);
    else if (!in_bracket)
        allow_near(site);
    return in_bracket;
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
    record_access(address, size, kind & TRACE_KIND_WRITE);
}

static uintptr_t locked;
void patch_lock_before(const struct patch_site *site, const struct patch_frame *frame)
{
    (void)frame;
    locked = patch_thread.address;
    record_access(locked, site->size, true);
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

#endif
