/* Random programs for access_test.c: what one thread does, and what copies of its code would. Included once, after the model. */
#ifndef SHIM_ACCESS_RANDOM_MAKE_H
#define SHIM_ACCESS_RANDOM_MAKE_H

static uint64_t seed;

static uint32_t roll(uint32_t sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % sides;
}

static uint32_t
    sites; /* how many pcs a random program has; fewer than 5: and small accesses only */

static uint64_t apart = 64; /* from one line to the next */

static void random_access(uint32_t lines)
{
    uint32_t log2 = roll(sites < 5 ? 2 : 5), kind = log2 << 4;
    size_t size = (size_t)1 << log2;
    uint64_t address = MEMORY + roll(lines) * apart;
    if (apart > 64)
        own.access->evictions_left = UINT32_MAX; /* the filter is to stay as small as it is */
    uint64_t pc = 0x4000 + roll(sites) * 5;
    address += roll(8) ? roll((uint32_t)(64 / size)) * size : roll(64);
    if (roll(2))
        kind |= TRACE_KIND_WRITE;
    if (roll(16) == 0)
        kind |= TRACE_KIND_ATOMIC;
    do_access(address, size, kind, pc);
}

static uint32_t opened_again;

/* What the copy of an instruction does itself (patch_near.c). */
static bool copy_adds(uintptr_t address, const struct patch_site *site, uint32_t number,
                      uint32_t context)
{
    struct filter_entry *reads = filter_entry(&access_fast.reads, address), *news = reads;
    if (site->kind & TRACE_KIND_WRITE)
        news = filter_entry(&access_fast.writes, address);
    uint64_t offset = address ^ news->tag, mask;
    if (access_fast.gathering) {
        struct gathered *g = gathered_of(news);
        if (offset > 64u - site->size)
            return false;
        if (g->site != number || g->context != context) {
            if (g->site & GATHERED_SLOW)
                return false;
            g->site = GATHERED_FREE;
        }
    }
    struct trace_open *entry = &access_fast.table[site->slot];
    uint32_t word;
    memcpy(&word, &entry->stride, sizeof word);
    if (!access_fast.gathering && offset > 64u - site->size)
        return false;
    if (!access_fast.gathering && entry->line != address - offset) {
        if (entry->mask || word != open_near_word(1, number) || access_fast.marked || !context)
            return false;
        open_use(site->slot);
        entry->context = context;
        entry->line = address - offset;
        opened_again++;
    }
    if (!access_fast.gathering && (word >> 8 != number || entry->context != context))
        return false;
    assert_int_equal(mark_of_line(address), 0);
    mask = ~UINT64_C(0) >> (64 - site->size) << offset;
    if (!access_fast.gathering)
        entry->mask |= mask;
    news->unseen &= ~mask;
    if (!access_fast.gathering && (address ^ reads->tag) < LINE_BYTES)
        reads->unseen &= ~mask;
    return true;
}

static uint32_t copies_added, parked_most, arrived;

static void random_mark(uint32_t lines)
{
    uint64_t byte = MEMORY + roll(lines * 64);
    if (roll(4) == 0)
        mark_clear(byte & ~UINT64_C(63), 64);
    else if (mark_set(byte, 1))
        access_forget_everywhere(byte & ~UINT64_C(63));
}

/* Control comes back to the function whose stack was found last. It may be another by now, or marks are to be ended first. */
static bool arrives(uint64_t address, const struct patch_site *site, uint32_t number, uint32_t id)
{
    static struct stack_cache cache;
    static struct stack_entry last;
    uint64_t words[16] = {0}, *frame = words + 4;
    uint32_t count = (uint32_t)stack_words[id];
    last = (struct stack_entry){
        .key = site->pc - site->function, .frame = (uintptr_t)frame, .id = id, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        last.place[i] = (uint16_t)(2 * i + 1);
        frame[2 * i + 1] = stack_words[id + 1 + i];
    }
    uint32_t what = roll(12);
    if (what == 0)
        frame[2 * roll(count) + 1] ^= 1;
    else if (what == 1)
        last.key++;
    else if (what == 2)
        last.frame += 8;
    else if (what == 3) /* marks of frames that are over: patch_arrive() ends them */
        mark_stack.due = (uintptr_t)frame - PATCH_RED_ZONE - 1;
    cache.last_site = &last;
    own.stacks = &cache;
    bool known = access_arrived(address, site, number, (uintptr_t)frame);
    own.stacks = NULL;
    mark_stack.due = UINTPTR_MAX;
    assert_true(what > 3 || !known);
    assert_false(own.busy);
    arrived += known;
    return known;
}

/*
 * Accesses of unmodified code, while its call stack stays the same: one of 27 stacks that share outer frames, some of them
 * with the shadow stack. Meanwhile others mark bytes.
 */
static void random_captured(uint32_t lines)
{
    static uint32_t ids[27];
    uint32_t pick = roll(27), count = 0, context = 0;
    uint64_t outer_first[4] = {0x9000, 0x9001 + pick % 3, 0x9001 + pick / 3 % 3, 0x9000 + pick / 9};
    uint64_t inner_first[4];
    for (uint32_t i = 0; i < 4; i++)
        inner_first[count++] = outer_first[3 - i];
    if (!ids[pick])
        ids[pick] = stack_put(inner_first, pick % 2 ? 4 : 3);
    uint64_t stack = pick % 2 ? key_of(outer_first, 4) : key_of(outer_first + 1, 3);
    uint64_t near = MEMORY + roll(lines) * 64;
    for (uint32_t again = 1 + roll(12); again--;) {
        uint32_t number = 1 + roll(10), log2 = number % 5;
        struct patch_site site = {.pc = 0x7fff + number * 4,
                                  .size = (uint16_t)(1u << log2),
                                  .kind = (uint8_t)(log2 << 4 | number % 2)};
        uint64_t address = (roll(3) ? near : MEMORY + roll(lines) * 64) + roll(64);
        site.slot = (uint8_t)(number * 5 % TRACE_OPEN_ENTRIES);
        model_access_of(address, site.size, site.kind, site.pc + 1, stack);
        if (roll(6) == 0)
            random_mark(lines);
        if (address % 64 + site.size <= 64 &&
            access_seen(address, (UINT64_C(1) << site.size) - 1, site.kind & TRACE_KIND_WRITE))
            continue;
        if ((context || access_fast.gathering) && copy_adds(address, &site, number, context))
            copies_added++;
        else if (!context && roll(2) && arrives(address, &site, number, ids[pick]))
            context = context_present();
        else if (!context || !access_near(address, &site, number))
            context = access_record_of(&own, own.access, address, &site, number, ids[pick]);
    }
}

static bool segments_are_long;

/* What a thread does seldom, or is done to it. */
static void random_event(uint32_t lines)
{
    uint32_t what = roll(30);
    if (what < 8) {
        do_ignore(roll(2));
    } else if (what < 11) {
        do_leave_thread();
    } else if (what < 13) {
        do_next_thread();
    } else if (what < 16) {
        access_flush(&own);
        if (roll(20) == 0)
            check();
    } else if (what == 16 && lines > 1000) {
        patch_on = 0;
        do_block(MEMORY + roll(lines - 1000) * 64, FORGET_LINES * 64 + roll(640), roll(2));
        patch_on = 1;
    } else if (what < 20) {
        access_no_longer_alone();
    }
}

static bool not_noted; /* at times no room is left to note which entries were entered */

static void random_step(uint32_t lines)
{
    if (not_noted && roll(20) == 0)
        own.access->entered_count = own.access->entries_count;
    if (roll(8)) /* most segments are large enough that entries are parked */
        own.access->unparked = 0;
    if (own.access->parked > parked_most)
        parked_most = own.access->parked;
    uint32_t what = roll(100);
    if (what < 40) {
        random_access(lines);
    } else if (what < 70) {
        random_captured(lines);
    } else if (what < 80) {
        if (depth + 3 < DEPTH && (depth < 4 || roll(2)))
            roll(4) ? do_call(0x9000 + roll(6)) : do_call_interrupted(0x9000 + roll(6), roll(3));
        else
            roll(4) ? do_return() : do_return_interrupted(roll(3));
    } else if (what < 86) {
        if (own.held_count < 4 && roll(2))
            do_lock(1 + roll(8), roll(3) ? TRACE_MODE_EXCLUSIVE : TRACE_MODE_SHARED);
        else if (own.held_count)
            do_unlock(roll(3) ? 0 : roll(own.held_count));
    } else if (what < 90) {
        if (roll(segments_are_long ? 100 : 1) == 0)
            do_segment();
    } else if (what < 94) {
        uint64_t row = MEMORY + roll(lines) * 64;
        for (uint64_t i = 0; i < roll(20); i++)
            do_access(row + 8 * i, 8, 3u << 4, 0x5000);
    } else if (what < 96) {
        patch_on = 0;
        do_block(MEMORY + roll(lines) * 64 + roll(4) * 16, 16 + roll(300), roll(2));
        patch_on = 1;
    } else if (what < 97) {
        do_access(MEMORY + roll(lines * 64), 1 + roll(4000), TRACE_KIND_RANGE | roll(2) | 15u << 4,
                  0x6000);
    } else if (what < 99 && gathers()) {
        random_event(lines);
    } else if (what < 98 && depth > 10) {
        uint32_t cut = roll(depth);
        uint32_t before = depth;
        shadow_cut(0x7ffff000 - (cut + 1) * 64 - 8 * roll(8));
        depth = cut + 1;
        while (depth < before && roll(4)) /* often as deep as before, by another way */
            do_call(0x9000 + roll(6));
    }
}

static void random_run(uint64_t from, uint32_t steps, uint32_t lines)
{
    patch_on = 1;
    mark_clear(MEMORY, MEMORY_BYTES);
    copies_added = parked_most = arrived = opened_again = 0;
    seed = from;
    sites = lines < 5 ? lines : 40;
    for (uint32_t i = 0; i < steps; i++) {
        random_step(lines);
        if (roll(steps / 6) == 0)
            check();
    }
    check();
    if (gathers()) { /* the process ends, and another thread writes what this one has gathered */
        static struct thread other = {.task = 3, .segment = 1};
        thread_current = &other;
        access_rest(&own);
        thread_current = &own;
        check_trace(true);
        do_segment();
    }
    access_flush(&own);
    check_trace(true);
    patch_on = 0;
    assert_true(copies_added > steps / 1000);
    assert_in_range(arrived, steps / 1000, steps);
    assert_true(opened_again > 3 || gathers());
    assert_true(parked_most > 3 || gathers());
    assert_true(several_count > steps / 100 || !gathers() || !shim_options.sites);
}

static int begin_gathering(void **state)
{
    memset(pool, 0, sizeof pool); /* filters made without room for what is gathered */
    shim_options.gather = true;
    shim_options.sites = 0;
    patch_on = 1;
    begin(state);
    patch_on = 0;
    return 0;
}

static int begin_gathering_late(void **state)
{
    begin_gathering(state);
    shim_options.sites = 30;
    return 0;
}

#endif
