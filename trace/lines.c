/*
 * Reads many LINE records at once: nearly all of a trace is made of them, and an analysis reads it twice.
 *
 * Invariant: what is taken here is what trace_access_get would have taken; a record that is not usual, or wrong, is left
 * to it, with the codec as it was before.
 */
#include <stdbool.h>

#include "trace/codec.h"
#include "trace/line_read.h"

const uint8_t *trace_lines_get(struct trace_access_codec *codec, const uint8_t *p,
                               const uint8_t *end, uint64_t limit, struct trace_line *lines,
                               uint32_t room, uint32_t *count)
{
    uint32_t n = 0;
    while (n < room && p < end) {
        struct line_told told;
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
            line_passed(codec, told.slot, told.address, told.context);
            p += count_passed(codec, *p);
        }
        lines[n++] =
            (struct trace_line){told.address / 64, told.mask, told.context, told.slot, told.kind};
    }
    *count = n;
    return p;
}
