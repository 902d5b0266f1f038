/*
 * How LINE and SEGMENT records are written: for codec.c, and inline for the recorder, which writes little else.
 *
 * Of each record four things are foreseen: its site, from the three before; the address of its first byte, that of some
 * site's last record plus what it was more the last time (fields of one object keep their distances); its shape, which
 * is its mask moved down to that byte; and its context. Where all of them come true there is no record, only a count of
 * such, the last byte of which is counted up where it lies. What did not is told. Invariant: writer and reader do the
 * same to the codec's state with each record, foreseen or told.
 *
 * The first byte of what is told is odd:
 *   bits 1-2  the site (enum site_code)
 *   bit 3     the shape is that of the site's last record
 *   bit 4     the address is the one foreseen
 *   bit 5     the context is the one foreseen
 *   bit 6     a run follows
 *   bit 7     the place is told by the line: bit 3 means the mask, not the shape, and bit 4 the line after the site's last;
 *             or, if the site is wide, in two bytes
 * An even one from FORESEEN_FIRST on is a count, one from CONTEXT_FIRST on a CONTEXT, LINES_FIRST a LINES, SEGMENT_NEXT a
 * SEGMENT; any other record begins with twice its type.
 */
#ifndef TRACE_LINE_H
#define TRACE_LINE_H

#include <stdbool.h>

#include "trace/mask.h"
#include "trace/number.h"

#define LINE_BIT     1u
#define LINE_SITE    1 /* shift */
#define LINE_SHAPE   8u
#define LINE_PLACE   16u
#define LINE_CONTEXT 32u
#define LINE_RUN     64u
#define LINE_BY_LINE 128u
#define LINE_FORESEEN \
    (LINE_BIT | SITE_OF_THREE << LINE_SITE | LINE_SHAPE | LINE_PLACE | LINE_CONTEXT)

#define FORESEEN_FIRST 0x40u /* one record; each further one adds 2 */
#define FORESEEN_LAST  0xfeu
#define SEGMENT_NEXT   ((TRACE_ACCESS_LAST + 1u) << 1) /* a SEGMENT, one up */
/* A CONTEXT: how its stack is told (enum context_part), and 4 times how the held set is. */
#define CONTEXT_FIRST  (SEGMENT_NEXT + 2)
#define CONTEXT_END    (CONTEXT_FIRST + 2 * 16)
#define LINES_FIRST    CONTEXT_END /* see lines.h */
static_assert(LINES_FIRST < FORESEEN_FIRST, "first bytes");

enum context_part {
    PART_SAME, /* as in the context before */
    PART_NEXT, /* the stack that came after that one last time; of held sets, that nothing is held */
    PART_KNOWN,
    PART_TOLD
};

enum site_code {
    SITE_TOLD,
    SITE_NEXT,        /* the one that followed the last site last */
    SITE_NEXT_BEFORE, /* ... and the one that did before that */
    SITE_OF_THREE     /* the one that followed the last three sites last */
};

/* Where the context is one of these a byte tells which. Those above tell how far back it is, or a place of those that
 * were told, or that a number follows. (Locks that are taken by chance come back after some hundred contexts.) */
enum context_code {
    CONTEXT_LAST,   /* that of the record before */
    CONTEXT_BEFORE, /* the one that there was before that one */
    CONTEXT_OWN,    /* that of the site's last record */
    CONTEXT_PRESENT,
    CONTEXT_CODES,
    CONTEXT_NEAR = 32,
    CONTEXT_PLACE = CONTEXT_CODES + CONTEXT_NEAR,
    CONTEXT_NUMBER = CONTEXT_PLACE + TRACE_CONTEXT_PLACES
};
static_assert(CONTEXT_NUMBER < 256, "a byte");

static inline uint32_t context_hash(uint32_t context)
{
    return (context * 0x9e3779b1u >> 16) * TRACE_CONTEXT_PLACES >> 16;
}

/* An address is told by its distance from one of those kept in `recent`, the site's own among them: a byte has
 * in bits 0-2 which, in bits 3-6 the lowest of the distance, and in bit 7 whether a number follows with the others. */
#define PLACE_WHICH  7u
#define PLACE_LOW_AT 3
#define PLACE_LOW    4 /* bits */
#define PLACE_MORE   128u
static_assert(PLACE_WHICH == TRACE_RECENT - 1, "three bits");

/*
 * Wide: a site that goes far each time, as who looks things up in a table. After WIDE_AFTER places in a row that took
 * PLACE_FAR bytes or more each, its distances are told in units (which all of these were multiples of) of 16 bits: from
 * its last place, or from where it was before it last went further than that, such as another arena of the allocator's.
 * After WIDE_LOOK of these one is told as usual, to see whether it takes less by now. Nothing is searched and compared
 * for those in between.
 */
#define WIDE_AFTER 4u
#define WIDE_LOOK  64u
#define WIDE_END   (WIDE_AFTER + WIDE_LOOK)
#define WIDE_UNIT  6u /* at most */
#define WIDE_REACH UINT64_C(32768)
#define PLACE_FAR  3

/* The first of a site's two places. */
static inline uint32_t site_place(uint64_t pc, uint8_t kind)
{
    return (uint32_t)((pc ^ (uint64_t)kind << 40) * 0x9e3779b97f4a7c15u >> 51) * 2;
}
static_assert(TRACE_SITE_PLACES == 1u << 14 && TRACE_SITES < 1u << 14, "site_place, two bytes");

/* The entry of a site, or that of a new one: the oldest, which becomes it. The later of the two in a place goes first. */
static inline bool site_find(struct trace_access_codec *codec, uint8_t kind, uint64_t pc,
                             uint16_t *slot)
{
    uint16_t *place = &codec->places[site_place(pc, kind)];
    for (unsigned i = 0; i < 2 && place[i]; i++) {
        const struct trace_site *site = &codec->sites[place[i] - 1];
        if (site->pc == pc && site->kind == kind) {
            *slot = (uint16_t)(place[i] - 1);
            return true;
        }
    }
    *slot = codec->site_new;
    codec->site_new = (uint16_t)((*slot + 1) % TRACE_SITES);
    place[1] = place[0];
    place[0] = (uint16_t)(*slot + 1);
    return false;
}

/* What is known of a new site. */
static inline struct trace_site site_fresh(const struct trace_access_codec *codec, uint16_t slot,
                                           uint8_t kind, uint64_t pc)
{
    return (struct trace_site){.pc = pc,
                               .address = codec->recent[codec->recent_last].address,
                               .context = codec->line_context,
                               .from = slot,
                               .next = codec->sites[slot].next,
                               .next_before = codec->sites[slot].next_before,
                               .kind = kind,
                               .unit = WIDE_UNIT,
                               .used = 1};
}

/* The place of the entry that comes next, made of the last three: all of the last one, eight bits of the one before, and
 * four of the one before that. */
static inline uint32_t site_pair(uint32_t pair, uint32_t slot)
{
    return (pair << 4 ^ slot * 0x9e3779b1u >> 20) % TRACE_SITE_PAIRS;
}
static_assert(TRACE_SITE_PAIRS == 1u << 12, "site_pair");

static inline uint64_t place_foreseen(const struct trace_access_codec *codec,
                                      const struct trace_site *site)
{
    return codec->sites[site->from].address + site->step;
}

static inline uint32_t context_foreseen(const struct trace_access_codec *codec,
                                        const struct trace_site *site, uint32_t code)
{
    uint32_t early = code & CONTEXT_BEFORE ? codec->context_before : codec->line_context;
    uint32_t late = code & CONTEXT_BEFORE ? codec->context : site->context;
    return code & CONTEXT_OWN ? late : early;
}
static_assert((CONTEXT_BEFORE | CONTEXT_OWN) == CONTEXT_PRESENT, "two bits");

/* The place in `recent` that a record will take; until then its own site's is there. */
static inline uint32_t recent_turn(const struct trace_access_codec *codec)
{
    return (codec->recent_last + 1u) % TRACE_RECENT;
}

/* After a record of the entry `slot`, at the byte `address`. */
static inline void line_passed(struct trace_access_codec *codec, struct trace_site *site,
                               uint32_t slot, uint64_t address, uint32_t context)
{
    uint32_t turn = recent_turn(codec);
    codec->recent[turn].address = address;
    codec->recent[turn].site = (uint16_t)slot;
    codec->recent_last = (uint8_t)turn;
    site->address = address;
    site->context = context;
    codec->site = (uint16_t)slot;
    codec->pair = (uint16_t)site_pair(codec->pair, slot);
    if (context != codec->line_context) {
        codec->context_before = codec->line_context;
        codec->line_context = context;
    }
}

/* The site was not the one foreseen: `code` says how it is told. */
static inline void site_learn(struct trace_access_codec *codec, uint16_t slot, uint32_t code)
{
    struct trace_site *before = &codec->sites[codec->site];
    codec->pairs[codec->pair] = slot;
    if (code == SITE_NEXT)
        return;
    before->next_before = before->next;
    before->next = slot;
}

/* What is foreseen of a site that was `distance` bytes on from its last record: it may go on in such steps. */
static inline uint64_t step_own(uint64_t distance)
{
    return distance + 4096 < 8192 ? distance : 0;
}

/* In units and moved up, so that what fits is below 2 * WIDE_REACH. */
static inline uint64_t wide_distance(uint64_t distance, uint32_t unit)
{
    distance += WIDE_REACH << unit;
    return distance >> unit | distance << ((64 - unit) % 64);
}

static inline bool wide_fits(uint64_t distance, uint32_t unit)
{
    return wide_distance(distance, unit) < 2 * WIDE_REACH;
}

/* What is known of how far a site goes. */
struct place_ways {
    uint64_t far;
    uint8_t wide, unit;
};

static inline bool wide_is(const struct trace_site *site)
{
    return site->wide >= WIDE_AFTER;
}

/* After a place that was told as usual in so many bytes, `distance` from the site's last. */
static inline struct place_ways place_learn(const struct trace_site *site, uint64_t distance,
                                            ptrdiff_t bytes)
{
    struct place_ways ways = {site->far, 0, WIDE_UNIT};
    if (bytes < PLACE_FAR)
        return ways;
    uint8_t zeros = (uint8_t)__builtin_ctzll(distance | UINT64_C(1) << WIDE_UNIT);
    ways.unit = site->unit < zeros ? site->unit : zeros;
    ways.wide = (uint8_t)(wide_is(site) ? WIDE_AFTER : site->wide + 1u);
    if (!wide_fits(distance, ways.unit))
        ways.far = site->address;
    return ways;
}

/* By the leading zeros of a number: how many bytes it takes. */
static inline unsigned number_bytes(uint64_t value)
{
    return (70u - (unsigned)__builtin_clzll(value | 1)) * 37 >> 8; /* a seventh, for up to 70 */
}

/* What was put at `p`, and the bits of the header that say so. (Two registers.) */
struct line_part {
    uint8_t *p;
    uint64_t bits;
};

/* A site that is none of those that came after the last one; `bits` are its entry. */
static __attribute__((noinline, unused)) struct line_part put_site_told(
    struct trace_access_codec *codec, uint8_t *p, uint8_t kind, uint64_t pc)
{
    uint16_t slot;
    if (site_find(codec, kind, pc, &slot))
        return (struct line_part){put_number(p, slot + 1u), slot};
    codec->sites[slot] = site_fresh(codec, slot, kind, pc);
    *p++ = 0;
    *p++ = kind;
    return (struct line_part){put_delta(p, pc, &codec->pc), slot};
}

static inline bool site_is(const struct trace_site *site, uint8_t kind, uint64_t pc)
{
    return site->pc == pc && site->kind == kind;
}

/* Its distance from one of the addresses in `recent`, and below that which. */
static inline uint64_t place_key(const struct trace_access_codec *codec, uint64_t address,
                                 uint32_t which)
{
    return fold(address - codec->recent[which].address) * TRACE_RECENT + which;
}

static inline uint64_t place_nearer(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The nearest. (A loop over them is not unrolled, and took half of all that telling a record takes.) */
static inline __attribute__((always_inline)) uint32_t place_nearest(
    const struct trace_access_codec *codec, uint64_t address)
{
    uint64_t a = place_nearer(place_key(codec, address, 0), place_key(codec, address, 1));
    uint64_t b = place_nearer(place_key(codec, address, 2), place_key(codec, address, 3));
    uint64_t c = place_nearer(place_key(codec, address, 4), place_key(codec, address, 5));
    uint64_t d = place_nearer(place_key(codec, address, 6), place_key(codec, address, 7));
    return place_nearer(place_nearer(a, b), place_nearer(c, d)) % TRACE_RECENT;
}
static_assert(TRACE_RECENT == 8, "place_nearest");

/* Does it take fewer bytes to tell the mask and the line than to tell shape and address? `distance`: of that. */
static inline bool place_by_line(const struct trace_access_codec *codec,
                                 const struct trace_site *site, uint64_t shape, uint64_t before,
                                 uint64_t mask, uint64_t lines, uint64_t distance)
{
    uint64_t more = distance >> PLACE_LOW;
    unsigned by_byte = 1 + (more ? number_bytes(more) : 0);
    unsigned by_line = lines == 1 ? 0u : number_bytes(fold(lines));
    if (site->shape != shape)
        by_byte += 2u - (codec->masks[mask_hash(shape)] == shape);
    if (before != mask)
        by_line += 2u - (codec->masks[mask_hash(mask)] == mask);
    return by_line < by_byte;
}

/* `before`: the mask that the site's shape would be in its last place. */
static inline __attribute__((always_inline)) struct line_part put_by_line(
    struct trace_access_codec *codec, uint8_t *p, struct trace_site *site, uint32_t slot,
    uint64_t address, uint64_t shape, uint64_t before)
{
    uint64_t mask = shape << address % 64, lines = address / 64 - site->address / 64;
    uint64_t bits = LINE_BY_LINE;
    site->shape = shape;
    site->from = (uint16_t)slot;
    site->step = step_own(lines * 64);
    if (before == mask)
        bits |= LINE_SHAPE;
    else
        p = put_mask(codec, p, mask);
    if (lines == 1)
        bits |= LINE_PLACE;
    else
        p = put_number(p, fold(lines));
    return (struct line_part){p, bits};
}

/* Of a wide site. No bits: it is to be told as usual, and nothing was done. */
static inline __attribute__((always_inline)) struct line_part put_wide(
    struct trace_access_codec *codec, uint8_t *p, struct trace_site *site, uint32_t slot,
    uint64_t address, uint64_t shape)
{
    uint64_t units = wide_distance(address - site->address, site->unit), far = site->far;
    uint64_t bits = LINE_BY_LINE;
    if (units >= 2 * WIDE_REACH) {
        units = wide_distance(address - far, site->unit);
        bits |= LINE_PLACE;
        far = site->address;
    }
    if (units >= 2 * WIDE_REACH || site->wide == WIDE_END)
        return (struct line_part){p, 0};
    site->far = far;
    site->wide++;
    site->from = (uint16_t)slot;
    site->step = 0;
    if (site->shape == shape) {
        bits |= LINE_SHAPE;
    } else {
        site->shape = shape;
        p = put_mask(codec, p, shape);
    }
    p[0] = (uint8_t)units;
    p[1] = (uint8_t)(units >> 8);
    return (struct line_part){p + 2, bits};
}

/* Shape and place of a record that is not where it was foreseen, nor told in two bytes. */
static __attribute__((noinline, unused)) struct line_part put_place(
    struct trace_access_codec *codec, uint8_t *p, uint32_t slot, uint64_t address, uint64_t shape)
{
    struct trace_site *site = &codec->sites[slot];
    struct trace_place *own = &codec->recent[recent_turn(codec)];
    own->address = site->address;
    own->site = (uint16_t)slot;
    uint32_t which = place_nearest(codec, address);
    uint64_t step = address - codec->recent[which].address, distance = fold(step), bits = 0;
    bool same = site->shape == shape;
    if (!wide_is(site) && (!same || distance > 15)) {
        uint64_t before = site->shape << site->address % 64, mask = shape << address % 64;
        uint64_t lines = address / 64 - site->address / 64;
        if (place_by_line(codec, site, shape, before, mask, lines, distance))
            return put_by_line(codec, p, site, slot, address, shape, before);
    }
    if (same) {
        bits = LINE_SHAPE;
    } else {
        site->shape = shape;
        p = put_mask(codec, p, shape);
    }
    uint8_t *first = p++;
    uint64_t more = distance >> PLACE_LOW;
    *first = (uint8_t)(which | (distance & ((1u << PLACE_LOW) - 1)) << PLACE_LOW_AT |
                       (more ? PLACE_MORE : 0));
    if (more)
        p = put_number(p, more);
    struct place_ways ways = place_learn(site, address - site->address, p - first);
    site->far = ways.far;
    site->wide = ways.wide;
    site->unit = ways.unit;
    site->from = codec->recent[which].site;
    site->step = site->from == slot ? step_own(step) : step;
    return (struct line_part){p, bits};
}

/* A context that is not foreseen. */
static inline uint8_t *put_line_context(struct trace_access_codec *codec, uint8_t *p,
                                        struct trace_site *site, uint32_t context)
{
    uint32_t how = context == codec->line_context     ? CONTEXT_LAST
                   : context == codec->context_before ? CONTEXT_BEFORE
                   : context == site->context         ? CONTEXT_OWN
                   : context == codec->context        ? CONTEXT_PRESENT
                                                      : CONTEXT_CODES;
    if (how < CONTEXT_CODES) {
        site->context_code = (uint8_t)how;
        *p++ = (uint8_t)how;
        return p;
    }
    uint32_t back = codec->context - context, place = context_hash(context);
    if (back < CONTEXT_NEAR || codec->contexts[place] == context) {
        *p++ = (uint8_t)(back < CONTEXT_NEAR ? CONTEXT_CODES + back : CONTEXT_PLACE + place);
        return p;
    }
    codec->contexts[place] = context;
    *p++ = CONTEXT_NUMBER;
    return put_number(p, back);
}

/* A LINE of one line, or the first of those it is of: then `run` is LINE_RUN, else 0. */
static inline __attribute__((always_inline)) uint8_t *line_put_first(
    struct trace_access_codec *codec, uint8_t *p, uint8_t kind, uint64_t pc, uint64_t line,
    uint64_t mask, uint32_t context, uint32_t run)
{
    uint8_t *first = p++;
    uint32_t header = LINE_FORESEEN | run, slot = codec->pairs[codec->pair];
    unsigned start = (unsigned)__builtin_ctzll(mask);
    uint64_t address = line + start, shape = mask >> start;
    struct trace_site *site = &codec->sites[slot];
    /* (A pc is never 0: an entry not used has another one.) */
    if (!site_is(site, kind, pc)) {
        const struct trace_site *before = &codec->sites[codec->site];
        uint32_t code = SITE_NEXT;
        slot = before->next;
        site = &codec->sites[slot];
        if (!site_is(site, kind, pc)) {
            code = SITE_NEXT_BEFORE;
            slot = before->next_before;
            site = &codec->sites[slot];
            if (!site_is(site, kind, pc)) {
                struct line_part part = put_site_told(codec, p, kind, pc);
                code = SITE_TOLD;
                slot = (uint32_t)part.bits;
                site = &codec->sites[slot];
                p = part.p;
            }
        }
        site_learn(codec, (uint16_t)slot, code);
        header -= (SITE_OF_THREE - code) << LINE_SITE;
    }
    if (place_foreseen(codec, site) != address) {
        struct line_part part = {p, 0};
        if (wide_is(site))
            part = put_wide(codec, p, site, slot, address, shape);
        if (!part.bits)
            part = put_place(codec, p, slot, address, shape);
        p = part.p;
        header = (header & ~(LINE_SHAPE | LINE_PLACE)) | (uint32_t)part.bits;
    } else if (site->shape != shape) {
        header &= ~LINE_SHAPE;
        site->shape = shape;
        p = put_mask(codec, p, shape);
    }
    if (context_foreseen(codec, site, site->context_code) != context) {
        header &= ~LINE_CONTEXT;
        p = put_line_context(codec, p, site, context);
    }
    line_passed(codec, site, slot, address, context);
    if (header != LINE_FORESEEN) {
        *first = (uint8_t)header;
        codec->counted = NULL;
        return p;
    }
    if (first == codec->counted && first[-1] != FORESEEN_LAST) {
        first[-1] = (uint8_t)(first[-1] + 2);
        return first;
    }
    *first = FORESEEN_FIRST;
    codec->counted = p;
    return p;
}

static inline __attribute__((always_inline)) uint8_t *line_put(struct trace_access_codec *codec,
                                                               uint8_t *p, uint8_t kind,
                                                               uint64_t pc, uint64_t line,
                                                               uint64_t mask, uint32_t context)
{
    return line_put_first(codec, p, kind, pc, line, mask, context, 0);
}

static inline uint8_t *line_put_run(struct trace_access_codec *codec, uint8_t *p, uint8_t kind,
                                    uint64_t pc, uint64_t line, uint64_t mask, uint32_t context,
                                    uint32_t run, int stride)
{
    p = line_put_first(codec, p, kind, pc, line, mask, context, LINE_RUN);
    struct trace_site *site = &codec->sites[codec->site];
    site->address += (stride < 0 ? 0 - (uint64_t)run : run) * 64;
    codec->recent[codec->recent_last].address = site->address;
    return put_number(p, (uint64_t)run << 1 | (stride < 0));
}

static inline uint8_t *segment_put(struct trace_access_codec *codec, uint8_t *p, uint64_t segment)
{
    uint64_t step = segment - codec->segment;
    codec->segment = segment;
    codec->counted = NULL;
    if (step == 1) {
        *p++ = SEGMENT_NEXT;
        return p;
    }
    *p++ = TRACE_ACCESS_SEGMENT << 1;
    return put_number(p, step);
}

#define LINE_PUT_MAX \
    48u /* bytes of a LINE record: 1 + 2 + 1 + 10 (site), 9 (mask), 10 (line), 5 (context), 5 (run) */

#endif
