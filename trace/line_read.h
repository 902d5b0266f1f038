/*
 * How LINE records are read, one by one (codec.c) and many at once (lines.c).
 *
 * In two steps, the first of which leaves the codec as it is: what is wrong, or not usual, is found there. All of it is
 * inlined, which saves a tenth. Invariant: after the second the codec's state is what the writer's was.
 */
#ifndef TRACE_LINE_READ_H
#define TRACE_LINE_READ_H

#include "trace/line.h"

/* What a record says, with what was foreseen. */
struct line_told {
    uint64_t pc; /* of a new site */
    uint64_t address, mask, step;
    uint64_t run;
    struct place_ways ways;
    uint32_t context;
    uint16_t slot, from;
    uint8_t header, kind, context_code;
    bool new, down, context_told;
};

/* A mask that is not in the table. */
static __attribute__((noinline, unused)) uint64_t get_new_mask(struct input *in)
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

static inline __attribute__((always_inline)) uint64_t get_mask(
    const struct trace_access_codec *codec, struct input *in)
{
    if (in->end - in->p < (ptrdiff_t)MASK_TOLD_MAX)
        return in->p < in->end && *in->p >= TRACE_MASKS ? get_new_mask(in)
                                                        : codec->masks[get_byte(in)];
    uint32_t code = *in->p;
    if (code < TRACE_MASKS) {
        in->p++;
        return codec->masks[code];
    }
    uint64_t mask;
    in->p = mask_told(in->p, &mask);
    return mask;
}

static inline __attribute__((always_inline)) void get_site(const struct trace_access_codec *codec,
                                                           struct input *in, struct line_told *told)
{
    const struct trace_site *before = &codec->sites[codec->site];
    switch ((enum site_code)(told->header >> LINE_SITE & 3)) {
    case SITE_OF_THREE:
        told->slot = codec->pairs[codec->pair];
        break;
    case SITE_NEXT:
        told->slot = before->next;
        break;
    case SITE_NEXT_BEFORE:
        told->slot = before->next_before;
        break;
    case SITE_TOLD:
        told->slot = (uint16_t)(get_below(in, TRACE_SITES + 1) - 1);
        if (told->slot < TRACE_SITES)
            break;
        told->new = true;
        told->slot = codec->site_new;
        told->kind = get_byte(in);
        told->pc = codec->pc + unfold(get_number(in));
        return;
    }
    if (!codec->sites[told->slot].used)
        in->error = "unknown site";
}

/* The place of a wide site's record. */
static inline __attribute__((always_inline)) void get_wide(struct input *in,
                                                           const struct trace_site *site,
                                                           struct line_told *told)
{
    uint64_t units = get_byte(in);
    units |= (uint64_t)get_byte(in) << 8;
    bool far = told->header & LINE_PLACE;
    told->address = (far ? site->far : site->address) + ((units - WIDE_REACH) << site->unit);
    told->ways.far = far ? site->address : site->far;
    told->ways.wide++;
    told->from = told->slot;
    told->step = 0;
    if (site->wide >= WIDE_END)
        in->error = "place told too often in two bytes";
}

static inline __attribute__((always_inline)) void get_place(const struct trace_access_codec *codec,
                                                            struct input *in,
                                                            const struct trace_site *site,
                                                            struct line_told *told)
{
    uint32_t header = told->header;
    uint64_t shape = site->shape;
    told->from = site->from;
    told->step = site->step;
    told->ways = (struct place_ways){site->far, site->wide, site->unit};
    if (header & LINE_BY_LINE && !wide_is(site)) {
        told->mask = header & LINE_SHAPE ? shape << site->address % 64 : get_mask(codec, in);
        uint64_t lines = header & LINE_PLACE ? 1 : unfold(get_number(in));
        unsigned start = told->mask ? (unsigned)__builtin_ctzll(told->mask) : 0;
        told->address = (site->address / 64 + lines) * 64 + start;
        told->from = told->slot;
        told->step = step_own(lines * 64);
        return;
    }
    if (!(header & LINE_SHAPE))
        shape = get_mask(codec, in);
    if (header & LINE_BY_LINE) {
        get_wide(in, site, told);
    } else if (header & LINE_PLACE) {
        const struct trace_site *from = told->new ? site : &codec->sites[site->from];
        told->address = from->address + site->step;
    } else {
        const uint8_t *first = in->p;
        uint32_t byte = get_byte(in), which = byte & PLACE_WHICH;
        uint64_t distance = byte >> PLACE_LOW_AT & ((1u << PLACE_LOW) - 1);
        if (byte & PLACE_MORE)
            distance |= get_number(in) << PLACE_LOW;
        distance = unfold(distance);
        bool own = which == recent_turn(codec);
        told->address = (own ? site->address : codec->recent[which].address) + distance;
        told->from = own ? told->slot : codec->recent[which].site;
        told->step = told->from == told->slot ? step_own(distance) : distance;
        told->ways = place_learn(site, told->address - site->address, in->p - first);
    }
    told->mask = shape << told->address % 64;
    /* (Behind a mask that nobody told, or that was told wrongly, there may be bytes before the first.) */
    if (!(shape & 1))
        told->mask = 0;
}

static inline __attribute__((always_inline)) void get_line_context(
    const struct trace_access_codec *codec, struct input *in, const struct trace_site *site,
    struct line_told *told)
{
    uint32_t how = site->context_code;
    if (!(told->header & LINE_CONTEXT))
        how = get_byte(in);
    told->context_code = site->context_code;
    told->context_told = how == CONTEXT_NUMBER;
    uint64_t back;
    if (how < CONTEXT_CODES) {
        told->context_code = (uint8_t)how;
        told->context = context_foreseen(codec, site, how);
        back = (uint64_t)codec->context - told->context;
    } else if (how < CONTEXT_PLACE) {
        back = how - CONTEXT_CODES;
        told->context = codec->context - (uint32_t)back;
    } else if (how < CONTEXT_NUMBER) {
        told->context = codec->contexts[how - CONTEXT_PLACE];
        back = (uint64_t)codec->context - told->context;
    } else {
        back = how == CONTEXT_NUMBER ? get_number(in) : UINT64_MAX;
        told->context = codec->context - (uint32_t)back;
    }
    if ((back > codec->context || back > TRACE_CONTEXT_WINDOW) && !in->error)
        in->error = "context out of range";
}

/* After that, if there was no error. */
static inline void context_take(struct trace_access_codec *codec, const struct line_told *told)
{
    if (told->context_told)
        codec->contexts[context_hash(told->context)] = told->context;
}

/* The record at in->p, which is told; nothing of it is to be used if in->error is set. */
static inline __attribute__((always_inline)) void line_look(const struct trace_access_codec *codec,
                                                            struct input *in,
                                                            struct line_told *told)
{
    told->header = *in->p++;
    told->new = false;
    told->pc = told->slot = 0;
    get_site(codec, in, told);
    if (in->error)
        return;
    struct trace_site fresh;
    const struct trace_site *site = &codec->sites[told->slot];
    if (told->new) {
        fresh = site_fresh(codec, told->slot, told->kind, told->pc);
        site = &fresh;
    }
    told->kind = site->kind;
    get_place(codec, in, site, told);
    if (told->mask == 0 && !in->error)
        in->error = "unknown mask";
    get_line_context(codec, in, site, told);
    told->run = 0;
    told->down = false;
    if (told->header & LINE_RUN) {
        uint64_t run = get_number(in);
        told->run = run >> 1;
        told->down = run & 1;
        if (told->run > TRACE_RUN_MAX && !in->error)
            in->error = "run too long";
    }
}

static inline __attribute__((always_inline)) void line_take(struct trace_access_codec *codec,
                                                            const struct line_told *told)
{
    uint32_t code = told->header >> LINE_SITE & 3;
    if (told->new) {
        codec->site_new = (uint16_t)((told->slot + 1u) % TRACE_SITES);
        codec->pc = told->pc;
        codec->sites[told->slot] = site_fresh(codec, told->slot, told->kind, told->pc);
    }
    if (code != SITE_OF_THREE)
        site_learn(codec, told->slot, code);
    struct trace_site *site = &codec->sites[told->slot];
    uint64_t shape = told->mask >> told->address % 64;
    if (!(told->header & LINE_SHAPE)) {
        bool by_line = told->header & LINE_BY_LINE && !wide_is(site);
        uint64_t mask = by_line ? told->mask : shape;
        codec->masks[mask_hash(mask)] = mask;
    }
    site->shape = shape;
    site->from = told->from;
    site->step = told->step;
    site->far = told->ways.far;
    site->wide = told->ways.wide;
    site->unit = told->ways.unit;
    site->context_code = told->context_code;
    context_take(codec, told);
    uint64_t run = told->down ? 0 - told->run : told->run;
    line_passed(codec, site, told->slot, told->address + run * 64, told->context);
    codec->count_read = 0;
}

/* One more record that was foreseen; false, with the codec as it was, if there is none such. */
static inline __attribute__((always_inline)) bool line_foresee(
    const struct trace_access_codec *codec, struct line_told *told, const char **error)
{
    const struct trace_site *site;
    told->slot = codec->pairs[codec->pair];
    site = &codec->sites[told->slot];
    told->address = place_foreseen(codec, site);
    told->mask = site->shape << told->address % 64;
    told->kind = site->kind;
    told->context = context_foreseen(codec, site, site->context_code);
    if (!site->used || told->mask == 0 || codec->context - told->context > TRACE_CONTEXT_WINDOW ||
        told->context > codec->context) {
        *error = "a record foreseen that cannot be";
        return false;
    }
    return true;
}

/* How many records the count at `p` is of. */
static inline uint32_t count_of(uint8_t byte)
{
    return (byte - FORESEEN_FIRST) / 2u + 1;
}

/* After one of the records of the count `byte`: true if that was its last. */
static inline bool count_passed(struct trace_access_codec *codec, uint8_t byte)
{
    codec->count_given++;
    codec->count_read = 0;
    if (codec->count_given < count_of(byte))
        return false;
    codec->count_given = 0;
    codec->count_read = byte;
    return true;
}

static inline bool count_is(uint8_t byte)
{
    return !(byte & LINE_BIT) && byte >= FORESEEN_FIRST;
}

#endif
