/*
 * Reads many LINE records at once: nearly all of a trace is made of them, and an analysis reads it twice.
 *
 * Between two records the state of the codec stays in registers, and of a record only what a line has is written down;
 * this takes two thirds of the time that trace_access_get takes (8 to 13 ns a record instead of 11 to 19, for traces of
 * six programs). Without any jump that depends on the record it took 15 ns for each of them: the fields' places depend
 * on each other, and prediction breaks that chain more often than it is wrong.
 *
 * Invariant: what is taken here is what trace_access_get would have taken; a record that is not usual, or wrong, is left
 * to it, with the codec as it was before.
 */
#include <stdbool.h>

#include "trace/codec.h"
#include "trace/line.h"

#define LOOKED_AT 40u /* bytes of a record that may be looked at */

static inline uint64_t load(const uint8_t *p)
{
    uint64_t word;
    __builtin_memcpy(&word, p, sizeof(word));
    return word;
}

/* By enum line_code: how many lines on, and from which. */
static const int8_t step[8] = {
    [LINE_NEXT] = 1, [LINE_SAME] = 0, [LINE_BEFORE] = -1, [LINE_LAST_NEXT] = 1};
#define FROM_OWN (1u << LINE_NEXT | 1u << LINE_SAME | 1u << LINE_BEFORE | 1u << LINE_FROM_OWN)

const uint8_t *trace_lines_get(struct trace_access_codec *codec, const uint8_t *p,
                               const uint8_t *end, uint64_t limit, struct trace_line *lines,
                               uint32_t room, uint32_t *count)
{
    struct trace_site *before = &codec->sites[codec->site];
    uint64_t last = codec->line, present = codec->context;
    uint64_t last_context = codec->line_context;
    uint64_t window = present < TRACE_CONTEXT_WINDOW ? present : TRACE_CONTEXT_WINDOW;
    uint32_t n = 0;
    while (n < room && end - p >= (ptrdiff_t)LOOKED_AT) {
        uint32_t header = p[0], where = LINE_CODE(header);
        if ((header & (LINE_BIT | LINE_RUN)) != LINE_BIT)
            break;
        const uint8_t *q = p + 1;
        uint64_t slot = before->next;
        if (!(header & LINE_SITE)) {
            slot = *q++;
            if (slot > 127) {
                slot = (slot & 127) | (uint64_t)(*q & 127u) << 7;
                if (*q++ > 127)
                    break;
            }
            if (--slot >= TRACE_SITES) /* 0: a new one */
                break;
        }
        struct trace_site *site = &codec->sites[slot];
        uint64_t mask = site->mask;
        if (!(header & LINE_MASK)) {
            uint32_t code = *q;
            if (code < TRACE_MASKS) {
                mask = codec->masks[code];
                q++;
            } else if (code < MASK_SPAN) {
                uint32_t start = (code - MASK_SHORT) * 8 + (q[1] >> 5), more = q[1] & 31;
                mask = start + more > 63 ? 0 : ~UINT64_C(0) >> (63 - more) << start;
                q += 2;
            } else {
                q = mask_told(q, &mask);
            }
        }
        uint64_t line = FROM_OWN >> where & 1 ? site->line : last;
        if (where >= LINE_FROM_OWN) {
            uint32_t folded = (uint32_t)load(q), ends = ~folded & 0x80808080u;
            if (ends == 0 || where > LINE_FROM_LAST)
                break;
            unsigned bits = (uint32_t)__builtin_ctz(ends);
            folded &= ((2u << bits) - 1) & 0x7f7f7f7fu;
            folded = (folded & 0x7f007f) | (folded & 0x7f007f00) >> 1;
            folded = (folded & 0x3fff) | (folded & 0x3fff0000) >> 2;
            line += unfold(folded);
            q += (bits + 1) / 8;
        } else {
            line += (uint64_t)(int64_t)step[where];
        }
        uint64_t context = last_context;
        if (!(header & LINE_CONTEXT)) {
            uint64_t back = *q++;
            if (back > 127) {
                back = (back & 127) | (uint64_t)(*q & 127u) << 7;
                if (*q++ > 127)
                    break;
            }
            if (back > window)
                break;
            context = present - back;
        }
        if (!site->used | (mask == 0) | (line >= limit))
            break;
        /* (A mask that is told by its place among the codec's masks is at this very place.) */
        if (!(header & LINE_MASK))
            codec->masks[mask_hash(mask)] = mask;
        before->next = (uint16_t)slot;
        before = site;
        site->mask = mask;
        site->line = last = line;
        last_context = context;
        lines[n++] = (struct trace_line){line, mask, (uint32_t)context, (uint16_t)slot, site->kind};
        p = q;
    }
    codec->site = (uint16_t)(before - codec->sites);
    codec->line = last;
    codec->line_context = (uint32_t)last_context;
    *count = n;
    return p;
}
