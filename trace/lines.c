/*
 * Reads LINES records, and many LINE records at once: nearly all of a trace is made of these, and an analysis reads it
 * twice.
 *
 * Invariant: what is taken here is what trace_access_get would have taken; a record that is not usual, or wrong, is left
 * to it, with the codec as it was before.
 */
#include <stdbool.h>

#include "trace/lines.h"

#include "trace/line_read.h"

uint8_t *trace_lines_put(struct trace_access_codec *codec, uint8_t *p, uint8_t kind, uint64_t pc,
                         uint32_t context, const struct trace_line *lines, uint32_t count)
{
    struct lines_put put;
    lines_begin(&put, codec, p, kind, pc, context);
    for (uint32_t i = 0; i < count; i++)
        lines_add(&put, codec, lines[i].line, lines[i].mask);
    return lines_end(&put, codec);
}

/* Masks that a record put into the table, to be taken back. */
struct lines_masks {
    uint64_t before[TRACE_LINES_MAX];
    uint8_t slot[TRACE_LINES_MAX];
    uint32_t count;
};

static inline __attribute__((always_inline)) uint64_t lines_mask(struct trace_access_codec *codec,
                                                                 struct input *in,
                                                                 struct lines_masks *told)
{
    if (in->p < in->end && *in->p < TRACE_MASKS)
        return codec->masks[*in->p++];
    uint64_t mask = get_mask(codec, in);
    uint32_t slot = mask_hash(mask);
    told->slot[told->count] = (uint8_t)slot;
    told->before[told->count++] = codec->masks[slot];
    codec->masks[slot] = mask;
    return mask;
}

struct lines_head {
    uint64_t pc;
    const uint8_t *tokens;
    uint32_t count, context;
    uint16_t slot;
    uint8_t kind;
    bool new;
};

/* Up to the rest. */
static inline void lines_look(const struct trace_access_codec *codec, struct input *in,
                              struct lines_head *head)
{
    size_t size = 0;
    *head = (struct lines_head){.slot = codec->site_new};
    if (in->end - in->p < LINES_HEADER) {
        in->error = "record cut short";
        return;
    }
    head->count = in->p[1];
    size = in->p[LINES_SIZE_AT] | (size_t)in->p[LINES_SIZE_AT + 1] << 8;
    in->p += LINES_HEADER;
    uint32_t site = get_below(in, TRACE_SITES + 1);
    if (site) {
        head->slot = (uint16_t)(site - 1);
        head->kind = codec->sites[head->slot].kind;
    } else {
        head->new = true;
        head->kind = get_byte(in);
        head->pc = codec->pc + unfold(get_number(in));
    }
    uint64_t back = get_number(in);
    head->context = codec->context - (uint32_t)back;
    if (in->error)
        return;
    if (!head->new && !codec->sites[head->slot].used)
        in->error = "unknown site";
    else if (back > codec->context || back > TRACE_CONTEXT_WINDOW)
        in->error = "context out of range";
    else if (head->count == 0 || head->count > TRACE_LINES_MAX)
        in->error = "number of lines out of range";
    else if ((size_t)(in->end - in->p) < size + head->count)
        in->error = "record cut short";
    else
        head->tokens = in->end = in->p + size;
}

size_t lines_read(struct trace_access_codec *codec, const uint8_t *p, const uint8_t *end,
                  uint64_t limit, struct trace_line *lines, uint32_t *count, const char **error)
{
    struct input in = {p, end, NULL};
    struct lines_head head;
    struct lines_masks told;
    lines_look(codec, &in, &head);
    if (in.error) {
        *error = in.error;
        return 0;
    }
    struct trace_site fresh = site_fresh(codec, head.slot, head.kind, head.pc);
    struct trace_site *site = &codec->sites[head.slot];
    const struct trace_site *before = head.new ? &fresh : site;
    uint64_t line = before->address / 64, mask = before->shape << before->address % 64;
    bool wrong = false;
    told.count = 0;
    for (uint32_t i = 0; i < head.count; i++) {
        uint32_t token = head.tokens[i];
        if (token & LINES_STEP)
            line += token & LINES_STEP;
        else
            line += unfold(get_number(&in));
        if (!(token & LINES_SAME))
            mask = lines_mask(codec, &in, &told);
        wrong |= !mask | (line >= limit);
        lines[i] = (struct trace_line){line, mask, head.context, head.slot, head.kind};
    }
    if (!in.error && wrong)
        in.error = "a line or mask that cannot be";
    if (!in.error && in.p != head.tokens)
        in.error = "lines of another size";
    if (in.error) {
        while (told.count--)
            codec->masks[told.slot[told.count]] = told.before[told.count];
        *error = in.error;
        return 0;
    }
    if (head.new) {
        codec->site_new = (uint16_t)((head.slot + 1u) % TRACE_SITES);
        codec->pc = head.pc;
        *site = fresh;
    }
    unsigned start = (unsigned)__builtin_ctzll(mask);
    site->address = line * 64 + start;
    site->shape = mask >> start;
    site->from = head.slot;
    site->step = 0;
    site->context = head.context;
    codec->count_read = 0;
    *count = head.count;
    return (size_t)(head.tokens + head.count - p);
}

const uint8_t *trace_lines_get(struct trace_access_codec *codec, const uint8_t *p,
                               const uint8_t *end, uint64_t limit, struct trace_line *lines,
                               uint32_t room, uint32_t *count)
{
    uint32_t n = 0;
    if (codec->lines_count) {
        for (; n < room && codec->lines_given < codec->lines_count; n++) {
            if (codec->lines[codec->lines_given].line >= limit)
                break;
            p += lines_give(codec, &lines[n]);
        }
        *count = n;
        return p;
    }
    while (n < room && p < end) {
        struct line_told told;
        if (*p == LINES_FIRST) {
            const char *error = NULL;
            uint32_t got;
            /* (A new site takes the entry of an old one, which the lines before may name.) */
            if (end - p <= LINES_HEADER || p[1] > room - n || (n && p[LINES_HEADER] == 0))
                break;
            size_t size = lines_read(codec, p, end, limit, lines + n, &got, &error);
            if (!size)
                break;
            p += size;
            n += got;
            continue;
        }
        if (*p & LINE_BIT) {
            struct input in = {p, end, NULL};
            line_look(codec, &in, &told);
            if (in.error || told.new || told.header & LINE_RUN || told.address / 64 >= limit)
                break;
            line_take(codec, &told);
            p = in.p;
        } else {
            const char *error;
            if (!count_is(*p) || !line_foresee(codec, &told, &error) || told.address / 64 >= limit)
                break;
            line_passed(codec, &codec->sites[told.slot], told.slot, told.address, told.context);
            p += count_passed(codec, *p);
        }
        lines[n++] =
            (struct trace_line){told.address / 64, told.mask, told.context, told.slot, told.kind};
    }
    *count = n;
    return p;
}
