/*
 * The model that access_test.c compares the recorder with: what the thread did, which of it must be in the trace, and what
 * a reader finds there. Included once, after the recorder's sources and the test's doubles.
 */
#ifndef SHIM_ACCESS_MODEL_H
#define SHIM_ACCESS_MODEL_H

/* ---- a set of things that happened ---- */

#define SET_SIZE (1u << 22)

struct set {
    uint64_t *slots;
    uint32_t count;
};

static void set_add(struct set *set, uint64_t key)
{
    if (!set->slots)
        set->slots = raw_map(NULL, SET_SIZE * sizeof *set->slots, 3, 0x4022, -1, 0);
    uint64_t i = key;
    while (set->slots[i % SET_SIZE] && set->slots[i % SET_SIZE] != key)
        i++;
    assert_true(set->slots[i % SET_SIZE] || ++set->count < SET_SIZE / 2);
    set->slots[i % SET_SIZE] = key;
}

static bool set_has(const struct set *set, uint64_t key)
{
    uint64_t i = key;
    while (set->slots && set->slots[i % SET_SIZE] && set->slots[i % SET_SIZE] != key)
        i++;
    return set->slots && set->slots[i % SET_SIZE] == key;
}

static void set_clear(struct set *set)
{
    if (set->slots)
        raw2(SYS_munmap, set->slots, SET_SIZE * sizeof *set->slots);
    *set = (struct set){NULL, 0};
}

static uint64_t key_of(const uint64_t *words, uint32_t count)
{
    uint64_t key = 88172645463325252u;
    for (uint32_t i = 0; i < count; i++)
        key = mix(key + 0x51ed270b, words[i]);
    return key | 1;
}

/* ---- the model ---- */

#define MEMORY       UINT64_C(0x7f1200000000)
#define MEMORY_BYTES (1u << 23)
#define DEPTH        200u

static struct set happened, owed; /* all that happened; that which must be in the trace */
/* The same without the instruction and the stack (see told_by()), and who touched each line. */
static struct set touched, touched_first;
static bool ignored[2];                   /* reads, writes: they must not be in the trace */
static uint32_t born_count[MEMORY_BYTES]; /* how often a byte's block began or ended */
static uint32_t
    seen_mark[MEMORY_BYTES]
             [4]; /* per byte: read, write, atomic read, atomic write in this generation */
static uint32_t generation;
static uint64_t frames[DEPTH];
static uint32_t depth;

static uint64_t model_stack(void)
{
    return key_of(frames, depth);
}

static uint64_t model_held(void)
{
    uint64_t words[2 * HELD_ENTRIES];
    for (uint32_t i = 0; i < own.held_count; i++) {
        words[2 * i] = object_id(own.held[i].object);
        words[2 * i + 1] = own.held[i].mode;
    }
    return key_of(words, 2 * own.held_count);
}

/* A byte in one way, by a segment under what it held: whoever did it. */
static uint64_t told_by(uint64_t segment, uint64_t byte, uint32_t kind, uint64_t held,
                        uint32_t born)
{
    uint64_t words[] = {segment, byte, kind & (TRACE_KIND_WRITE | TRACE_KIND_ATOMIC), held, born};
    return key_of(words, 5);
}

static uint64_t told_first(uint64_t segment, uint64_t byte, uint32_t kind, uint64_t pc,
                           uint64_t stack, uint64_t held)
{
    uint64_t words[] = {segment, byte / 64, kind & TRACE_KIND_WRITE, pc, stack, held};
    return key_of(words, 6);
}

static bool gathers(void)
{
    return shim_options.gather;
}

static void model_access_of(uint64_t address, size_t size, uint32_t kind, uint64_t pc,
                            uint64_t stack)
{
    if (ignored[kind & TRACE_KIND_WRITE])
        return;
    uint64_t held = model_held();
    uint32_t atomic = kind & TRACE_KIND_ATOMIC ? 2 : 0;
    for (size_t i = 0; i < size; i++) {
        uint64_t byte = address + i - MEMORY;
        uint64_t words[] = {own.segment, byte, kind, pc, stack, held, born_count[byte]};
        uint64_t key = key_of(words, 7);
        set_add(&happened, key);
        if (gathers()) {
            key = told_by(own.segment, byte, kind, held, born_count[byte]);
            set_add(&touched, key);
            set_add(&touched_first, told_first(own.segment, byte, kind, pc, stack, held));
        }
        uint32_t *mark = &seen_mark[byte][atomic];
        bool write = kind & TRACE_KIND_WRITE;
        if (mark[1] == generation || (!write && mark[0] == generation))
            continue;
        mark[write] = generation;
        set_add(&owed, key);
    }
}

static void model_access(uint64_t address, size_t size, uint32_t kind, uint64_t pc)
{
    model_access_of(address, size, kind, pc, model_stack());
}

static void do_access(uint64_t address, size_t size, uint32_t kind, uint64_t pc)
{
    model_access(address, size, kind, pc);
    bool write = kind & TRACE_KIND_WRITE;
    bool plain = size <= 16 && address % 64 + size <= 64 && !(kind & TRACE_KIND_ATOMIC);
    if (plain && access_seen(address, (UINT64_C(1) << size) - 1, write))
        return;
    /* The three ways in: within the program, from outside, with the guard up. */
    static void (*const within[5][2])(uintptr_t, uintptr_t) = {{read1_new, write1_new},
                                                               {read2_new, write2_new},
                                                               {read4_new, write4_new},
                                                               {read8_new, write8_new},
                                                               {read16_new, write16_new}};
    if (!(kind & TRACE_KIND_ATOMIC) && kind >> 4 < 5 && size == (size_t)1 << (kind >> 4) && pc % 3)
        within[kind >> 4][write](address, pc);
    else if (pc % 2)
        access_slow(address, size, kind, pc);
    else
        access_record(&own, address, size, kind, pc);
    assert_int_equal(own.busy, 0);
}

static void do_block(uint64_t address, size_t size, bool free)
{
    for (size_t i = 0; i < size; i++) {
        born_count[address + i - MEMORY]++;
        if (!free)
            for (uint32_t k = 0; k < 4; k++)
                seen_mark[address + i - MEMORY][k] = 0;
    }
    if (free)
        access_free(&own, address, size, TRACE_ALLOC_HEAP, 0x777);
    else
        access_alloc(&own, address, size, TRACE_ALLOC_HEAP, 0x777);
}

static void do_call(uint64_t pc)
{
    frames[depth++] = pc;
    shadow_enter(pc, 0x7ffff000 - depth * 64);
}

static void do_return(void)
{
    depth--;
    shadow_leave();
}

/* A signal handler: some calls, each with an access, and back. */
static void do_handler(uint32_t calls)
{
    struct shadow_view view;
    shadow_show(&view);
    for (uint32_t i = 0; i < calls; i++) {
        do_call(0xa000 + i);
        do_access(MEMORY + 64 * i + 8 * (depth % 8), 8, 3u << 4, 0x7000 + i);
    }
    for (uint32_t i = 0; i < calls; i++)
        do_return();
    shadow_back(&view);
}

/* The steps of shadow_enter() and shadow_leave(), with a handler where it does most harm. */
static __attribute__((unused)) void do_call_interrupted(uint64_t pc, uint32_t calls)
{
    uint64_t *place = access_fast.top;
    access_fast.top = place + 1;
    place[0] = frames[depth++] = 0xdead; /* whatever stood there */
    place[offsetof(struct shadow, sp) / sizeof(uint64_t)] = 0x7ffff000 - depth * 64;
    do_handler(calls);
    place[0] = frames[depth - 1] = pc;
}

static __attribute__((unused)) void do_return_interrupted(uint32_t calls)
{
    uint64_t *place = access_fast.top - 1;
    bool slow = place < access_fast.low;
    do_handler(calls);
    if (slow)
        shadow_leave_slow();
    else
        access_fast.top = place;
    depth--;
}

static void do_segment(void)
{
    own.segment++;
    generation++;
    access_new_segment(&own);
}

/* Its reads, or its writes, are not to be recorded from here on, or again. */
static void do_ignore(bool write)
{
    ignored[write] ^= true;
    uint32_t step = ignored[write] ? 1 : UINT32_MAX;
    access_ignore(own.access, write ? 0 : step, write ? step : 0);
}

/* Another task runs on the thread for a while, and does nothing. */
static __attribute__((unused)) void do_leave_thread(void)
{
    static uint64_t *saved;
    static uint32_t room;
    uint32_t count = 0;
    access_task_save(&own, &saved, &count, &room);
    access_task_load(&own, false, NULL, &(uint32_t){0});
    access_task_load(&own, false, saved, &count);
}

/* The thread ends; another one with its slot goes on. */
static __attribute__((unused)) void do_next_thread(void)
{
    for (uint32_t write = 0; write < 2; write++)
        if (ignored[write])
            do_ignore(write);
    access_thread_end(&own);
    own.segment++;
    generation++;
    depth = 0;
    access_thread_start(&own);
    access_new_segment(&own);
}

static void do_lock(uint32_t object, uint16_t mode)
{
    held_push(&own, &objects[object], mode, 0);
}

/* The lock that was taken so many before the last. */
static void do_unlock(uint32_t before)
{
    held_drop(&own, own.held[own.held_count - 1 - before].object);
}

/* ---- the decoded trace ---- */

#define CONTEXTS 400000u
static uint64_t context_stack[CONTEXTS], context_held[CONTEXTS];
static struct set recorded;
static uint32_t told[MEMORY_BYTES];
static uint64_t several_count;
static uint32_t line_count, record_count[TRACE_ACCESS_LAST + 1];
static uint64_t line_pcs[64]; /* of the first LINE records */

static void decoded_bytes(const struct trace_access *record, uint64_t line, uint64_t mask)
{
    for (uint32_t bit = 0; bit < 64; bit++) {
        if (!(mask >> bit & 1))
            continue;
        uint64_t byte = line + bit - MEMORY;
        assert_true(byte < MEMORY_BYTES);
        uint64_t words[] = {record->segment,
                            byte,
                            record->kind,
                            record->pc,
                            context_stack[record->context],
                            context_held[record->context],
                            told[byte]};
        uint64_t key = key_of(words, 7);
        bool several = record->type == TRACE_ACCESS_LINE &&
                       TRACE_KIND_SIZE(record->kind) == TRACE_SIZE_SEVERAL;
        uint64_t any =
            told_by(record->segment, byte, record->kind, context_held[record->context], told[byte]);
        uint64_t first = told_first(record->segment, byte, record->kind, record->pc,
                                    context_stack[record->context], context_held[record->context]);
        several_count += several;
        if (several ? !set_has(&touched, any) || !set_has(&touched_first, first)
                    : !set_has(&happened, key))
            fail_msg("never happened: byte %lx kind %x pc %lx segment %lu born %u (by anybody: %d, "
                     "the first: %d)",
                     (unsigned long)byte, record->kind, (unsigned long)record->pc,
                     (unsigned long)record->segment, told[byte], set_has(&touched, any),
                     set_has(&touched_first, first));
        if (!gathers()) {
            set_add(&recorded, key);
            continue;
        }
        set_add(&recorded, any);
    }
}

static void decoded_line(const struct trace_access *record)
{
    if (line_count < sizeof line_pcs / sizeof *line_pcs)
        line_pcs[line_count] = record->pc;
    line_count++;
    for (uint64_t i = 0; i <= record->run; i++)
        decoded_bytes(record, record->address + 64 * (uint64_t)((int64_t)i * record->stride),
                      record->mask);
}

static void decoded_range(const struct trace_access *record)
{
    for (uint64_t at = record->address; at < record->address + record->size; at++)
        decoded_bytes(record, at & ~UINT64_C(63), UINT64_C(1) << at % 64);
}

/* Stacks as a tree: that of a context may begin with that of any late one. */
static struct {
    uint64_t pc;
    uint32_t parent, depth;
} decoded_nodes[1u << 22]; /* [0]: the empty stack */
static uint32_t decoded_count, context_node[CONTEXTS];

static uint64_t decoded_stack(uint32_t node)
{
    static uint64_t pcs[SHADOW_DEPTH];
    uint32_t count = decoded_nodes[node].depth;
    for (; decoded_nodes[node].depth; node = decoded_nodes[node].parent)
        pcs[decoded_nodes[node].depth - 1] = decoded_nodes[node].pc;
    return key_of(pcs, count);
}

static void decoded_context(const struct trace_access *record)
{
    uint32_t node = 0;
    uint64_t held = key_of(NULL, 0);
    if (record->context == 0) {
        decoded_count = 1;
    } else {
        assert_in_range(record->context - 1 - record->stack_of, 0, TRACE_CONTEXT_WINDOW);
        assert_in_range(record->context - 1 - record->held_of, 0, TRACE_CONTEXT_WINDOW);
        node = context_node[record->stack_of];
        held = context_held[record->held_of];
        assert_true(record->pops <= decoded_nodes[node].depth);
        for (uint32_t i = 0; i < record->pops; i++)
            node = decoded_nodes[node].parent;
        for (uint32_t i = 0; i < record->pushes; i++) {
            assert_true(decoded_count < sizeof decoded_nodes / sizeof *decoded_nodes);
            decoded_nodes[decoded_count].pc = record->push[i];
            decoded_nodes[decoded_count].parent = node;
            decoded_nodes[decoded_count].depth = decoded_nodes[node].depth + 1;
            node = decoded_count++;
        }
        uint64_t words[2 * TRACE_HELD_MAX];
        for (uint32_t i = 0; record->held_changed && i < record->held_count; i++) {
            words[2 * i] = record->held[i].object;
            words[2 * i + 1] = record->held[i].mode;
        }
        if (record->held_changed)
            held = key_of(words, 2 * record->held_count);
    }
    assert_true(record->context < CONTEXTS);
    context_node[record->context] = node;
    context_stack[record->context] = decoded_stack(node);
    context_held[record->context] = held;
}

static void decoded_open(const struct trace_access_codec *codec, const struct trace_open *entry)
{
    if (!entry->mask)
        return;
    assert_true(codec->context - entry->context <= TRACE_CONTEXT_WINDOW);
    struct trace_access record = {.type = TRACE_ACCESS_LINE,
                                  .kind = entry->kind,
                                  .context = entry->context,
                                  .segment = codec->segment,
                                  .pc = entry->pc,
                                  .stride = 1};
    for (uint32_t i = 1; i <= entry->run; i++)
        decoded_bytes(&record, entry->line - (uint64_t)((int64_t)i * entry->stride * 64),
                      entry->run_mask);
    decoded_bytes(&record, entry->line, entry->mask);
}

/* Reads the trace as a reader would after a SIGKILL now, and compares. `all`: what is owed must be there, too. */
static void check_trace(bool all)
{
    static struct trace_access_codec codec;
    memset(&codec, 0, sizeof codec);
    memset(told, 0, sizeof told);
    memset(record_count, 0, sizeof record_count);
    line_count = 0;
    set_clear(&recorded);
    const uint8_t *p = stream_bytes + sizeof(struct trace_chunk_header);
    const uint8_t *end = p + own.access_stream.chunk->used;
    while (p < end) {
        struct trace_access record;
        const char *error = NULL;
        size_t size = trace_access_get(&codec, p, end, &record, &error);
        if (error)
            fail_msg("%s", error);
        p += size;
        record_count[record.type]++;
        assert_int_equal(record.task, own.task);
        if (record.type == TRACE_ACCESS_LINE)
            decoded_line(&record);
        else if (record.type == TRACE_ACCESS_RANGE)
            decoded_range(&record);
        else if (record.type == TRACE_ACCESS_SWITCH || record.type == TRACE_ACCESS_CONTEXT)
            decoded_context(&record);
        else if ((record.type == TRACE_ACCESS_ALLOC || record.type == TRACE_ACCESS_FREE) &&
                 record.kind == TRACE_ALLOC_HEAP)
            for (uint64_t i = 0; i < record.size; i++)
                told[record.address + i - MEMORY]++;
    }
    const struct trace_open *table = stream_open_table(&own.access_stream);
    for (uint32_t i = 0; i < TRACE_OPEN_ENTRIES; i++)
        decoded_open(&codec, &table[i]);
    const struct trace_parked *parked = stream_park(&own.access_stream);
    for (uint32_t i = 0; i < TRACE_PARK_ENTRIES; i++) {
        const struct trace_open entry = {.mask = parked[i].mask,
                                         .line = parked[i].line,
                                         .pc = parked[i].pc,
                                         .kind = parked[i].kind,
                                         .context = parked[i].context};
        decoded_open(&codec, &entry);
    }
    for (uint32_t i = 0; all && owed.slots && i < SET_SIZE; i++)
        if (owed.slots[i])
            assert_true(set_has(&recorded, owed.slots[i]));
}

/* What is gathered is not in the trace yet. */
static void check(void)
{
    check_trace(!own.access->gather_count);
}

/* ---- around each test ---- */

static int begin(void **state)
{
    (void)state;
    if (!stream_bytes)
        stream_bytes = raw_map(NULL, STREAM_BYTES, 3, 0x4022, -1, 0);
    table_tasks.count = 3;
    object_table = objects;
    set_clear(&happened);
    set_clear(&owed);
    set_clear(&touched);
    set_clear(&touched_first);
    ignored[0] = ignored[1] = false;
    several_count = 0;
    memset(born_count, 0, sizeof born_count);
    memset(seen_mark, 0, sizeof seen_mark);
    memset(open_header, 0, sizeof open_header);
    generation = 1;
    depth = 0;
    own = (struct thread){.task = 2, .segment = 1, .record = &own_record};
    own_record = (struct trace_task){.stack_low = 4096, .stack_high = 8192};
    access_fast =
        (struct access_fast)ACCESS_FAST_EMPTY(nothing, no_frames, no_guard, access_no_open);
    thread_current = &own;
    access_on = 1;
    access_thread_start(&own);
    return 0;
}

static int end(void **state)
{
    (void)state;
    access_thread_end(&own);
    return 0;
}

#define R4 (2u << 4)
#define W4 (R4 | TRACE_KIND_WRITE)

#endif
