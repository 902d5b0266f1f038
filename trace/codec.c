/*
 * The bytes of the streams (layout in docs/trace-format.md). Writers know their input is good; readers trust nothing.
 */
#include "trace/codec.h"

#include <stdbool.h>

#include "trace/line.h"
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

static void get_order(struct input *in, struct trace_sync *record)
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
        get_order(&in, record);
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

/* A mask that is not in the table. */
static __attribute__((noinline)) uint64_t get_new_mask(struct input *in)
{
    uint8_t bytes[MASK_TOLD_MAX] = {0};
    size_t left = (size_t)(in->end - in->p);
    for (size_t i = 0; i < left && i < sizeof(bytes); i++)
        bytes[i] = in->p[i];
    uint64_t mask;
    size_t size = (size_t)(mask_told(bytes, &mask) - bytes);
    if (size > left)
        in->error = "record cut short";
    else
        in->p += size;
    return mask;
}

static uint64_t get_mask(struct trace_access_codec *codec, struct input *in)
{
    uint64_t mask = 0;
    if (in->p < in->end && *in->p >= TRACE_MASKS)
        mask = get_new_mask(in);
    else
        mask = codec->masks[get_byte(in)];
    if (mask == 0 && !in->error)
        in->error = "unknown mask";
    if (!in->error)
        codec->masks[mask_hash(mask)] = mask;
    return mask;
}

uint8_t *trace_line_put(struct trace_access_codec *codec, uint8_t *p, uint8_t kind, uint64_t pc,
                        uint64_t address, uint64_t mask, uint32_t context, uint32_t run, int stride)
{
    uint8_t *end = line_put(codec, p, kind, pc, address, mask, context);
    return run ? line_put_run(codec, p, end, run, stride) : end;
}

static void get_site(struct trace_access_codec *codec, struct input *in, uint32_t header)
{
    struct trace_site *before = &codec->sites[codec->site];
    if (header & LINE_SITE) {
        codec->site = before->next;
        if (!codec->sites[codec->site].used)
            in->error = "unknown site";
        return;
    }
    uint32_t slot = get_below(in, TRACE_SITES + 1) - 1;
    if (slot == UINT32_MAX) {
        slot = codec->site_new;
        uint8_t kind = get_byte(in);
        uint64_t pc = get_delta(in, &codec->pc);
        if (in->error)
            return;
        codec->site_new = (uint16_t)((slot + 1) % TRACE_SITES);
        site_begin(codec, (uint16_t)slot, kind, pc);
    } else if (!codec->sites[slot].used) {
        in->error = "unknown site";
        return;
    }
    before->next = (uint16_t)slot;
    codec->site = (uint16_t)slot;
}

/* Without a jump for the codes that no number follows: it would be mispredicted every other time. */
static inline uint64_t get_line_place(const struct trace_access_codec *codec,
                                      const struct trace_site *site, struct input *in,
                                      uint32_t code)
{
    static const int8_t step[8] = {
        [LINE_NEXT] = 1, [LINE_SAME] = 0, [LINE_BEFORE] = -1, [LINE_LAST_NEXT] = 1};
    bool own = code <= LINE_BEFORE || code == LINE_FROM_OWN;
    uint64_t line = own ? site->line : codec->line;
    if (code < LINE_FROM_OWN)
        return line + (uint64_t)(int64_t)step[code];
    if (code > LINE_FROM_LAST)
        in->error = "unknown line code";
    return line + unfold(get_number(in));
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

static void get_line(struct trace_access_codec *codec, struct input *in, uint32_t header,
                     struct trace_access *record)
{
    record->type = TRACE_ACCESS_LINE;
    get_site(codec, in, header);
    if (in->error)
        return;
    struct trace_site *site = &codec->sites[codec->site];
    if (!(header & LINE_MASK)) {
        site->mask = get_mask(codec, in);
        if (in->error)
            return;
    } else if (site->mask == 0) {
        in->error = "unknown mask";
        return;
    }
    uint64_t line = get_line_place(codec, site, in, LINE_CODE(header));
    record->kind = site->kind;
    record->pc = site->pc;
    record->mask = site->mask;
    record->address = line * 64;
    if (!(header & LINE_CONTEXT))
        codec->line_context = get_context(codec, in);
    record->context = codec->line_context;
    record->run = 0;
    record->stride = 1;
    if (header & LINE_RUN) {
        uint64_t run = get_number(in);
        record->run = run >> 1;
        record->stride = run & 1 ? -1 : 1;
        if (record->run > TRACE_RUN_MAX && !in->error)
            in->error = "run too long";
        line += run & 1 ? 0 - record->run : record->run;
    }
    site->line = codec->line = line;
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

static uint8_t *put_context(struct trace_access_codec *codec, uint8_t *p,
                            const struct trace_access *record)
{
    codec->line_context = ++codec->context;
    p = put_number(p, record->pops);
    p = put_number(p, record->pushes);
    for (uint32_t i = 0; i < record->pushes; i++)
        p = put_delta(p, record->push[i], &codec->pc);
    p = put_number(p, record->held_changed ? record->held_count + 1u : 0);
    if (!record->held_changed)
        return p;
    for (uint32_t i = 0; i < record->held_count; i++)
        p = put_number(p, (uint64_t)record->held[i].object << 1 |
                              (record->held[i].mode == TRACE_MODE_SHARED));
    return p;
}

static void get_context_change(struct trace_access_codec *codec, struct input *in,
                               struct trace_access *record)
{
    if (codec->context == UINT32_MAX) {
        in->error = "too many contexts";
        return;
    }
    codec->line_context = ++codec->context;
    record->pops = get_id(in);
    record->pushes = get_below(in, TRACE_CONTEXT_PUSH_MAX + 1);
    for (uint32_t i = 0; i < record->pushes; i++)
        record->push[i] = get_delta(in, &codec->pc);
    uint32_t held = get_below(in, TRACE_HELD_MAX + 2);
    record->held_changed = held > 0;
    record->held_count = held ? held - 1 : 0;
    for (uint32_t i = 0; i < record->held_count; i++) {
        uint64_t word = get_number(in);
        record->held[i] =
            (struct trace_held){.object = (uint32_t)(word >> 1),
                                .mode = word & 1 ? TRACE_MODE_SHARED : TRACE_MODE_EXCLUSIVE,
                                .count = 1};
        if (word >> 33 && !in->error)
            in->error = "id out of range";
    }
}

uint8_t *trace_access_put(struct trace_access_codec *codec, uint8_t *p,
                          const struct trace_access *record)
{
    if (record->type == TRACE_ACCESS_LINE)
        return trace_line_put(codec, p, (uint8_t)record->kind, record->pc, record->address,
                              record->mask, record->context, (uint32_t)record->run,
                              (int)record->stride);
    *p++ = (uint8_t)(record->type << 1);
    switch ((enum trace_access_type)record->type) {
    case TRACE_ACCESS_SWITCH:
        codec->task = record->task;
        codec->segment = record->segment;
        codec->context = codec->line_context = 0;
        p = put_number(p, record->task);
        return put_number(p, record->segment);
    case TRACE_ACCESS_SEGMENT:
        return segment_put(codec, p - 1, record->segment);
    case TRACE_ACCESS_CONTEXT:
        return put_context(codec, p, record);
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
    if (!in.error && (type == 0 || type > TRACE_ACCESS_LAST || type == TRACE_ACCESS_LINE))
        in.error = "unknown kind of record";
    if (in.error) {
        *error = in.error;
        return 0;
    }
    record->type = type;
    switch ((enum trace_access_type)type) {
    case TRACE_ACCESS_LINE:
        break;
    case TRACE_ACCESS_SWITCH:
        codec->task = get_id(&in);
        codec->segment = get_number(&in);
        codec->context = codec->line_context = 0;
        break;
    case TRACE_ACCESS_SEGMENT:
        codec->segment += get_number(&in);
        break;
    case TRACE_ACCESS_CONTEXT:
        get_context_change(codec, &in, record);
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

/* Nearly all records are lines: what the others need would cost these a frame and its registers. */
size_t trace_access_get(struct trace_access_codec *codec, const uint8_t *p, const uint8_t *end,
                        struct trace_access *record, const char **error)
{
    if (p >= end || !(*p & LINE_BIT))
        return get_other(codec, p, end, record, error);
    struct input in = {p + 1, end, NULL};
    get_line(codec, &in, *p, record);
    return taken(codec, &in, p, record, error);
}
