/*
 * The bytes of the streams (layout in docs/trace-format.md). Writers know their input is good; readers trust nothing.
 */
#include "trace/codec.h"

#include <stdbool.h>

#include "trace/line_read.h"
#include "trace/lines.h"
#include "trace/number.h"

/* ---- sync ---- */

uint8_t *trace_sync_put(struct trace_sync_codec *codec, uint8_t *p, const struct trace_sync *record)
{
    *p++ = (uint8_t)record->type;
    switch ((enum trace_sync_type)record->type) {
    case TRACE_SYNC_SWITCH:
        codec->task = record->task;
        codec->segment = record->segment;
        p = put_number(p, record->task);
        return put_number(p, record->segment);
    case TRACE_SYNC_EDGE:
        p = put_number(p, record->segment - codec->segment);
        codec->segment = record->segment;
        p = put_number(p, record->from);
        p = put_number(p, record->from_segment);
        p = put_number(p, record->object);
        return put_delta(p, record->pc, &codec->pc);
    case TRACE_SYNC_FOLD:
        p = put_number(p, record->task);
        p = put_number(p, record->segment);
        p = put_number(p, record->from);
        return put_number(p, record->from_segment);
    case TRACE_SYNC_ORDER:
        p = put_number(p, record->segment - codec->segment);
        codec->segment = record->segment;
        p = put_number(p, record->object);
        p = put_number(p, record->mode);
        p = put_number(p, record->stack);
        p = put_number(p, record->held_count);
        for (uint32_t i = 0; i < record->held_count; i++) {
            p = put_number(p, record->held[i].object);
            p = put_number(p, record->held[i].mode);
            p = put_number(p, record->held[i].stack);
            p = put_number(p, record->segment - record->since[i]);
        }
        return p;
    case TRACE_SYNC_MISUSE:
        p = put_number(p, record->segment - codec->segment);
        codec->segment = record->segment;
        p = put_number(p, record->detail);
        p = put_number(p, record->object);
        p = put_number(p, record->stack);
        p = put_number(p, record->other_task);
        return put_number(p, record->other_stack);
    case TRACE_SYNC_LOST:
        return put_number(p, record->value);
    }
    return p - 1;
}

static void get_order(struct input *in, uint64_t segment, struct trace_sync *record)
{
    record->object = get_id(in);
    record->mode = get_below(in, TRACE_MODE_SHARED + 1);
    record->stack = get_id(in);
    record->held_count = get_below(in, TRACE_HELD_MAX + 1);
    for (uint32_t i = 0; i < record->held_count; i++) {
        record->held[i].object = get_id(in);
        record->held[i].mode = get_below(in, TRACE_MODE_SHARED + 1);
        record->held[i].stack = get_id(in);
        record->held[i].count = 1;
        record->since[i] = segment - get_number(in);
    }
}

size_t trace_sync_get(struct trace_sync_codec *codec, const uint8_t *p, const uint8_t *end,
                      struct trace_sync *record, const char **error)
{
    struct input in = {p, end, NULL};
    uint8_t type = get_byte(&in);
    if (!in.error && (type == 0 || type > TRACE_SYNC_LAST))
        in.error = "unknown kind of record";
    if (in.error) {
        *error = in.error;
        return 0;
    }
    record->type = type;
    switch ((enum trace_sync_type)type) {
    case TRACE_SYNC_SWITCH:
        codec->task = get_id(&in);
        codec->segment = get_number(&in);
        break;
    case TRACE_SYNC_EDGE:
        codec->segment += get_number(&in);
        record->from = get_id(&in);
        record->from_segment = get_number(&in);
        record->object = get_id(&in);
        record->pc = get_delta(&in, &codec->pc);
        break;
    case TRACE_SYNC_FOLD:
        record->task = get_id(&in);
        record->segment = get_number(&in);
        record->from = get_id(&in);
        record->from_segment = get_number(&in);
        break;
    case TRACE_SYNC_ORDER:
        codec->segment += get_number(&in);
        get_order(&in, codec->segment, record);
        break;
    case TRACE_SYNC_MISUSE:
        codec->segment += get_number(&in);
        record->detail = get_below(&in, TRACE_MISUSE_COUNT);
        record->object = get_id(&in);
        record->stack = get_id(&in);
        record->other_task = get_id(&in);
        record->other_stack = get_id(&in);
        break;
    case TRACE_SYNC_LOST:
        record->value = get_number(&in);
        break;
    }
    if (in.error) {
        *error = in.error;
        return 0;
    }
    if (type != TRACE_SYNC_FOLD) {
        record->task = codec->task;
        record->segment = codec->segment;
    }
    return (size_t)(in.p - p);
}

/* ---- accesses ---- */

uint8_t *trace_line_put(struct trace_access_codec *codec, uint8_t *p, uint8_t kind, uint64_t pc,
                        uint64_t address, uint64_t mask, uint32_t context, uint32_t run, int stride)
{
    if (run)
        return line_put_run(codec, p, kind, pc, address, mask, context, run, stride);
    return line_put(codec, p, kind, pc, address, mask, context);
}

static uint32_t get_context(const struct trace_access_codec *codec, struct input *in)
{
    uint64_t back = get_number(in);
    if (back <= codec->context && back <= TRACE_CONTEXT_WINDOW)
        return codec->context - (uint32_t)back;
    if (!in->error)
        in->error = "context out of range";
    return 0;
}

static inline void line_record(const struct trace_access_codec *codec, const struct line_told *told,
                               struct trace_access *record)
{
    record->type = TRACE_ACCESS_LINE;
    record->kind = told->kind;
    record->pc = codec->sites[told->slot].pc;
    record->mask = told->mask;
    record->address = told->address & ~UINT64_C(63);
    record->context = told->context;
    record->run = 0;
    record->stride = 1;
}

static uint8_t *put_block(struct trace_access_codec *codec, uint8_t *p,
                          const struct trace_access *record)
{
    *p++ = (uint8_t)record->kind;
    p = put_number(p, codec->context - record->context);
    p = put_delta(p, record->pc, &codec->pc);
    p = put_delta(p, record->address, &codec->address);
    return put_number(p, record->size);
}

static void get_block(struct trace_access_codec *codec, struct input *in,
                      struct trace_access *record)
{
    record->kind = get_byte(in);
    record->context = get_context(codec, in);
    record->pc = get_delta(in, &codec->pc);
    record->address = get_delta(in, &codec->address);
    record->size = get_number(in);
    if (!in->error && record->address + record->size < record->address)
        in->error = "range wraps around";
}

/* ---- contexts ---- */

static bool known_valid(const struct trace_access_codec *codec, const struct trace_known *known)
{
    return known->epoch == codec->epoch && known->epoch != 0 &&
           codec->context - known->context < TRACE_CONTEXT_WINDOW;
}

/* The place of what has this name; false: the one that it may take, the oldest of four. */
static bool known_find(const struct trace_access_codec *codec, const struct trace_known *table,
                       uint64_t name, uint16_t *place)
{
    uint32_t first = (uint32_t)(name * 0x9e3779b97f4a7c15u >> 56) & ~3u;
    uint64_t oldest = UINT64_MAX;
    static_assert(TRACE_KNOWN == 256, "eight bits");
    for (uint32_t i = first; i < first + 4; i++) {
        bool valid = known_valid(codec, &table[i]);
        uint64_t age = valid ? table[i].context + UINT64_C(1) : 0;
        if (valid && name && table[i].name == name) {
            *place = (uint16_t)i;
            return true;
        }
        if (age < oldest) {
            oldest = age;
            *place = (uint16_t)i;
        }
    }
    return false;
}

bool trace_stack_known(const struct trace_access_codec *codec, uint64_t name)
{
    uint16_t place;
    return known_find(codec, codec->stacks, name, &place);
}

/* The present context has what is in these places. */
static void context_passed(struct trace_access_codec *codec, uint16_t stack, uint16_t held)
{
    codec->line_context = ++codec->context;
    if (codec->stack < TRACE_KNOWN && stack != codec->stack)
        codec->stacks[codec->stack].next = (uint8_t)stack;
    codec->stack = stack;
    codec->held = held;
    if (stack < TRACE_KNOWN) {
        codec->stacks[stack].context = codec->context;
        codec->stacks[stack].epoch = codec->epoch;
    }
    if (held < TRACE_KNOWN) {
        codec->helds[held].context = codec->context;
        codec->helds[held].epoch = codec->epoch;
    }
}

static uint8_t *put_stack(struct trace_access_codec *codec, uint8_t *p,
                          const struct trace_access *record, uint16_t *stack, uint32_t *how)
{
    *stack = codec->stack;
    *how = PART_SAME;
    if (known_find(codec, codec->stacks, record->stack_name, stack)) {
        if (*stack == codec->stack)
            return p;
        *how = PART_NEXT;
        if (codec->stack < TRACE_KNOWN && codec->stacks[codec->stack].next == *stack)
            return p;
        *how = PART_KNOWN;
        *p++ = (uint8_t)*stack;
        return p;
    }
    if (record->pops == 0 && record->pushes == 0) {
        *stack = codec->stack;
        return p;
    }
    *how = PART_TOLD;
    codec->stacks[*stack].name = record->stack_name;
    *p++ = (uint8_t)*stack;
    p = put_number(p, record->pops);
    p = put_number(p, record->pushes);
    for (uint32_t i = 0; i < record->pushes; i++)
        p = put_delta(p, record->push[i], &codec->pc);
    return p;
}

static uint8_t *put_held(struct trace_access_codec *codec, uint8_t *p,
                         const struct trace_access *record, uint16_t *held, uint32_t *how)
{
    *held = codec->held;
    *how = PART_SAME;
    if (!record->held_changed)
        return p;
    if (record->held_count == 0) {
        *held = TRACE_KNOWN;
        *how = PART_NEXT;
        return p;
    }
    bool known = known_find(codec, codec->helds, record->held_name, held);
    *how = known ? PART_KNOWN : PART_TOLD;
    *p++ = (uint8_t)*held;
    if (known)
        return p;
    codec->helds[*held].name = record->held_name;
    p = put_number(p, record->held_count);
    for (uint32_t i = 0; i < record->held_count; i++)
        p = put_number(p, (uint64_t)record->held[i].object << 1 |
                              (record->held[i].mode == TRACE_MODE_SHARED));
    return p;
}

static uint8_t *put_context(struct trace_access_codec *codec, uint8_t *p,
                            const struct trace_access *record)
{
    uint8_t *first = p++;
    uint32_t stack_how, held_how;
    uint16_t stack, held;
    p = put_stack(codec, p, record, &stack, &stack_how);
    p = put_held(codec, p, record, &held, &held_how);
    *first = (uint8_t)(CONTEXT_FIRST + 2 * (stack_how + 4 * held_how));
    context_passed(codec, stack, held);
    return p;
}

/* Place of something known, and the context that has it. */
static uint16_t get_known(const struct trace_access_codec *codec, const struct trace_known *table,
                          struct input *in, uint16_t place, uint32_t *context)
{
    if (!in->error && (place >= TRACE_KNOWN || !known_valid(codec, &table[place])))
        in->error = "context like one that is not known";
    if (in->error)
        return TRACE_KNOWN;
    *context = table[place].context;
    return place;
}

static uint16_t get_stack(struct trace_access_codec *codec, struct input *in, uint32_t how,
                          struct trace_access *record)
{
    uint16_t place = codec->stack;
    record->pops = record->pushes = 0;
    record->stack_of = codec->context;
    switch ((enum context_part)how) {
    case PART_SAME:
        break;
    case PART_NEXT:
        if (place < TRACE_KNOWN)
            place = codec->stacks[place].next;
        return get_known(codec, codec->stacks, in, place, &record->stack_of);
    case PART_KNOWN:
        return get_known(codec, codec->stacks, in, get_byte(in), &record->stack_of);
    case PART_TOLD:
        place = get_byte(in);
        record->pops = get_id(in);
        record->pushes = get_below(in, TRACE_CONTEXT_PUSH_MAX + 1);
        for (uint32_t i = 0; i < record->pushes; i++)
            record->push[i] = get_delta(in, &codec->pc);
        break;
    }
    return place;
}

static uint16_t get_held(const struct trace_access_codec *codec, struct input *in, uint32_t how,
                         struct trace_access *record)
{
    uint16_t place = codec->held;
    record->held_changed = how == PART_NEXT || how == PART_TOLD;
    record->held_count = 0;
    record->held_of = codec->context;
    switch ((enum context_part)how) {
    case PART_SAME:
        break;
    case PART_NEXT:
        return TRACE_KNOWN;
    case PART_KNOWN:
        return get_known(codec, codec->helds, in, get_byte(in), &record->held_of);
    case PART_TOLD:
        place = get_byte(in);
        record->held_count = get_below(in, TRACE_HELD_MAX + 1);
        for (uint32_t i = 0; i < record->held_count; i++) {
            uint64_t word = get_number(in);
            record->held[i] =
                (struct trace_held){.object = (uint32_t)(word >> 1),
                                    .mode = word & 1 ? TRACE_MODE_SHARED : TRACE_MODE_EXCLUSIVE,
                                    .count = 1};
            if (word >> 33 && !in->error)
                in->error = "id out of range";
        }
        break;
    }
    return place;
}

static void get_context_change(struct trace_access_codec *codec, struct input *in, uint32_t how,
                               struct trace_access *record)
{
    if (codec->context == UINT32_MAX) {
        in->error = "too many contexts";
        return;
    }
    uint16_t stack = get_stack(codec, in, how & 3, record);
    uint16_t held = get_held(codec, in, how >> 2, record);
    if (!in->error)
        context_passed(codec, stack, held);
}

/* A task's contexts are numbered from 0, which has an empty stack and holds nothing. */
static void contexts_begin(struct trace_access_codec *codec)
{
    codec->context = codec->line_context = codec->context_before = 0;
    codec->stack = codec->held = TRACE_KNOWN;
    codec->epoch++;
}

uint8_t *trace_access_put(struct trace_access_codec *codec, uint8_t *p,
                          const struct trace_access *record)
{
    if (record->type == TRACE_ACCESS_LINE)
        return trace_line_put(codec, p, (uint8_t)record->kind, record->pc, record->address,
                              record->mask, record->context, (uint32_t)record->run,
                              (int)record->stride);
    *p++ = (uint8_t)(record->type << 1);
    codec->counted = NULL;
    switch ((enum trace_access_type)record->type) {
    case TRACE_ACCESS_SWITCH:
        codec->task = record->task;
        codec->segment = record->segment;
        contexts_begin(codec);
        p = put_number(p, record->task);
        return put_number(p, record->segment);
    case TRACE_ACCESS_SEGMENT:
        return segment_put(codec, p - 1, record->segment);
    case TRACE_ACCESS_CONTEXT:
        return put_context(codec, p - 1, record);
    case TRACE_ACCESS_RANGE:
        return put_block(codec, p, record);
    case TRACE_ACCESS_ALLOC:
    case TRACE_ACCESS_FREE:
        p = put_block(codec, p, record);
        return put_delta(p, record->tsc, &codec->tsc);
    case TRACE_ACCESS_LOST:
        return put_number(p, record->size);
    case TRACE_ACCESS_TIME:
        return put_delta(p, record->tsc, &codec->tsc);
    case TRACE_ACCESS_LINE:
        break;
    }
    return p - 1;
}

/* The bytes of a record that `in` has read, or 0 with *error. */
static inline size_t taken(const struct trace_access_codec *codec, const struct input *in,
                           const uint8_t *p, struct trace_access *record, const char **error)
{
    if (in->error) {
        *error = in->error;
        return 0;
    }
    record->task = codec->task;
    record->segment = codec->segment;
    return (size_t)(in->p - p);
}

static __attribute__((noinline)) size_t get_other(struct trace_access_codec *codec,
                                                  const uint8_t *p, const uint8_t *end,
                                                  struct trace_access *record, const char **error)
{
    struct input in = {p, end, NULL};
    uint32_t type = get_byte(&in) >> 1;
    codec->count_read = 0;
    if (type == SEGMENT_NEXT >> 1) {
        record->type = TRACE_ACCESS_SEGMENT;
        codec->segment++;
        record->context = codec->context;
        return taken(codec, &in, p, record, error);
    }
    if (type >= CONTEXT_FIRST >> 1 && type < CONTEXT_END >> 1) {
        record->type = TRACE_ACCESS_CONTEXT;
        get_context_change(codec, &in, type - (CONTEXT_FIRST >> 1), record);
        record->context = codec->context;
        return taken(codec, &in, p, record, error);
    }
    if (!in.error && (type == 0 || type == TRACE_ACCESS_CONTEXT || type > TRACE_ACCESS_LAST ||
                      type == TRACE_ACCESS_LINE))
        in.error = "unknown kind of record";
    if (in.error) {
        *error = in.error;
        return 0;
    }
    record->type = type;
    switch ((enum trace_access_type)type) {
    case TRACE_ACCESS_LINE:
    case TRACE_ACCESS_CONTEXT:
        break;
    case TRACE_ACCESS_SWITCH:
        codec->task = get_id(&in);
        codec->segment = get_number(&in);
        contexts_begin(codec);
        break;
    case TRACE_ACCESS_SEGMENT:
        codec->segment += get_number(&in);
        break;
    case TRACE_ACCESS_RANGE:
        get_block(codec, &in, record);
        break;
    case TRACE_ACCESS_ALLOC:
    case TRACE_ACCESS_FREE:
        get_block(codec, &in, record);
        record->tsc = get_delta(&in, &codec->tsc);
        break;
    case TRACE_ACCESS_LOST:
        record->size = get_number(&in);
        break;
    case TRACE_ACCESS_TIME:
        record->tsc = get_delta(&in, &codec->tsc);
        break;
    }
    if (type != TRACE_ACCESS_RANGE && type != TRACE_ACCESS_ALLOC && type != TRACE_ACCESS_FREE)
        record->context = codec->context;
    return taken(codec, &in, p, record, error);
}

/* One of those that a LINES is of. */
static __attribute__((noinline)) size_t get_of_lines(struct trace_access_codec *codec,
                                                     const uint8_t *p, const uint8_t *end,
                                                     struct trace_access *record,
                                                     const char **error)
{
    if (!codec->lines_count) {
        uint32_t count;
        size_t size = lines_read(codec, p, end, UINT64_MAX >> 6, codec->lines, &count, error);
        if (!size)
            return 0;
        codec->lines_count = (uint8_t)count;
        codec->lines_given = 0;
        codec->lines_size = (uint16_t)size;
    }
    struct trace_line line;
    size_t size = lines_give(codec, &line);
    line_record(codec,
                &(struct line_told){.kind = line.kind,
                                    .slot = line.site,
                                    .mask = line.mask,
                                    .address = line.line * 64,
                                    .context = line.context},
                record);
    record->task = codec->task;
    record->segment = codec->segment;
    return size;
}

/* One of those that a count is of. */
static size_t get_foreseen(struct trace_access_codec *codec, uint8_t byte,
                           struct trace_access *record, const char **error)
{
    struct line_told told;
    if (!line_foresee(codec, &told, error))
        return 0;
    line_record(codec, &told, record);
    record->task = codec->task;
    record->segment = codec->segment;
    line_passed(codec, &codec->sites[told.slot], told.slot, told.address, told.context);
    return count_passed(codec, byte);
}

bool trace_access_grown(struct trace_access_codec *codec, uint8_t byte)
{
    if (codec->count_read == 0 || byte <= codec->count_read)
        return false;
    codec->count_given = (uint8_t)count_of(codec->count_read);
    return true;
}

/* Nearly all records are lines: what the others need would cost these a frame and its registers. */
size_t trace_access_get(struct trace_access_codec *codec, const uint8_t *p, const uint8_t *end,
                        struct trace_access *record, const char **error)
{
    if (p < end && count_is(*p))
        return get_foreseen(codec, *p, record, error);
    if (p < end && *p == LINES_FIRST)
        return get_of_lines(codec, p, end, record, error);
    if (p >= end || !(*p & LINE_BIT))
        return get_other(codec, p, end, record, error);
    struct input in = {p, end, NULL};
    struct line_told told;
    line_look(codec, &in, &told);
    if (!in.error) {
        line_take(codec, &told);
        line_record(codec, &told, record);
        record->run = told.run;
        record->stride = told.down ? -1 : 1;
    }
    return taken(codec, &in, p, record, error);
}
