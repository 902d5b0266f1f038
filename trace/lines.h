/*
 * LINES records: many lines that one site touched in one context, in ascending order as far as can be. It is
 * what gathered segments (shim/gather_write.c) leave, which may name a line's accesses in any order; so the site and the
 * context are told once, and of a line no more than a byte and a mask.
 *
 *   byte 0      LINES_FIRST
 *   byte 1      how many lines, 1 to TRACE_LINES_MAX
 *   bytes 2, 3  how many bytes the rest takes, low byte first
 *   the site    its entry in the dictionary + 1 as a number; or 0, the kind and the pc, as in a LINE
 *   number      how far the context is back from the present one
 *   the rest    of each line in turn: its distance where that is not in its token, its mask where it is not the one before
 *   tokens      a byte for each line. Bits 0-6: how many lines it is after the line before; 0: a number in the rest tells,
 *               with its sign. Bit 7: its mask is that of the line before.
 *
 * What is before the first line is the site's last record, which the last line then is. The dictionary, the masks and the
 * differences of pcs are those of LINE; nothing that LINEs foresee of one another is changed.
 */
#ifndef TRACE_LINES_H
#define TRACE_LINES_H

#include "trace/line.h"

#define LINES_SIZE_AT    2 /* two bytes */
#define LINES_HEADER     4
#define LINES_STEP       127u /* bits of a token: the most that it tells */
#define LINES_SAME       128u
#define LINES_HEADER_MAX (LINES_HEADER + 1 + 1 + 10 + 5) /* a new site, the context */
#define LINES_ITEM_MAX   (1 + 10 + MASK_TOLD_MAX)
static_assert(LINES_HEADER_MAX + LINES_ITEM_MAX * TRACE_LINES_MAX + 7 <= TRACE_RECORD_MAX,
              "a record");

/* One that is being written. */
struct lines_put {
    uint8_t *first, *rest, *p;
    uint64_t line, mask; /* of the last one */
    uint32_t count;
    uint16_t slot;
    uint8_t tokens[TRACE_LINES_MAX + 7]; /* copied by eight */
};

static inline void lines_begin(struct lines_put *put, struct trace_access_codec *codec, uint8_t *p,
                               uint8_t kind, uint64_t pc, uint32_t context)
{
    put->first = p;
    put->count = 0;
    codec->counted = NULL;
    p += LINES_HEADER;
    if (site_find(codec, kind, pc, &put->slot)) {
        p = put_number(p, put->slot + 1u);
    } else {
        codec->sites[put->slot] = site_fresh(codec, put->slot, kind, pc);
        *p++ = 0;
        *p++ = kind;
        p = put_delta(p, pc, &codec->pc);
    }
    put->p = put->rest = put_number(p, codec->context - context);
    const struct trace_site *site = &codec->sites[put->slot];
    put->line = site->address / 64;
    put->mask = site->shape << site->address % 64;
    codec->sites[put->slot].context = context;
}

/* `line` is a number; `mask` not 0. At most TRACE_LINES_MAX. */
static inline __attribute__((always_inline)) void lines_add(struct lines_put *put,
                                                            struct trace_access_codec *codec,
                                                            uint64_t line, uint64_t mask)
{
    uint64_t step = line - put->line;
    uint32_t token = 0;
    if (step - 1 < LINES_STEP)
        token = (uint32_t)step;
    else
        put->p = put_number(put->p, fold(step));
    if (mask == put->mask)
        token |= LINES_SAME;
    else
        put->p = put_mask(codec, put->p, mask);
    put->tokens[put->count++] = (uint8_t)token;
    put->line = line;
    put->mask = mask;
}

/* Its end. There must be a line in it. */
static inline uint8_t *lines_end(const struct lines_put *put, struct trace_access_codec *codec)
{
    size_t size = (size_t)(put->p - put->rest);
    struct trace_site *site = &codec->sites[put->slot];
    unsigned start = (unsigned)__builtin_ctzll(put->mask);
    put->first[0] = LINES_FIRST;
    put->first[1] = (uint8_t)put->count;
    put->first[LINES_SIZE_AT] = (uint8_t)size;
    put->first[LINES_SIZE_AT + 1] = (uint8_t)(size >> 8);
    site->address = put->line * 64 + start;
    site->shape = put->mask >> start;
    site->from = put->slot;
    site->step = 0;
    for (uint32_t i = 0; i < put->count; i += 8)
        __builtin_memcpy(put->p + i, put->tokens + i, 8);
    return put->p + put->count;
}

/* The LINES record at `p`, of lines below `limit`, and its lines, for which there is room: how many bytes it has, or 0 with
 * *error, and the codec as it was. */
size_t lines_read(struct trace_access_codec *codec, const uint8_t *p, const uint8_t *end,
                  uint64_t limit, struct trace_line *lines, uint32_t *count, const char **error);

/* One more of the lines that are held back: the bytes of the record if it was the last. */
static inline size_t lines_give(struct trace_access_codec *codec, struct trace_line *line)
{
    *line = codec->lines[codec->lines_given++];
    if (codec->lines_given < codec->lines_count)
        return 0;
    codec->lines_count = codec->lines_given = 0;
    return codec->lines_size;
}

#endif
