/*
 * How LINE and SEGMENT records are written: for codec.c, and inline for the recorder, which writes little else.
 *
 * Of each record four things are foreseen: its site, from the two before; the address of its first byte, that of some
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
 *   bit 7     the place is told by the line: bit 3 means the mask, not the shape, and bit 4 the line after the site's last
 * An even one from FORESEEN_FIRST on is a count, one from CONTEXT_FIRST on a CONTEXT, LINES_FIRST a LINES, SEGMENT_NEXT a SEGMENT; any other
 * record begins with twice its type.
 */
#ifndef TRACE_LINE_H
#define TRACE_LINE_H

#include <stdbool.h>

#include "trace/codec.h"
#include "trace/number.h"

#define LINE_BIT       1u
#define LINE_SITE      1 /* shift */
#define LINE_SHAPE     8u
#define LINE_PLACE     16u
#define LINE_CONTEXT   32u
#define LINE_RUN       64u
#define LINE_BY_LINE   128u
#define LINE_FORESEEN  (LINE_BIT | SITE_OF_TWO << LINE_SITE | LINE_SHAPE | LINE_PLACE | LINE_CONTEXT)

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
    SITE_OF_TWO       /* the one that followed the last two sites last */
};

/* Where the context is one of these a byte tells which; above that, how far back it is. */
enum context_code {
    CONTEXT_LAST,   /* that of the record before */
    CONTEXT_BEFORE, /* the one that there was before that one */
    CONTEXT_OWN,    /* that of the site's last record */
    CONTEXT_PRESENT,
    CONTEXT_CODES
};

/* An address is told by its distance from one of those kept in `recent`, the first of which is the site's own: a byte has
 * in bits 0-2 which, in bits 3-6 the lowest of the distance, and in bit 7 whether a number follows with the others. */
#define PLACE_WHICH  7u
#define PLACE_LOW_AT 3
#define PLACE_LOW    4 /* bits */
#define PLACE_MORE   128u
static_assert(PLACE_WHICH == TRACE_RECENT - 1, "three bits");

/* How a mask is told that is not in the table. */
enum mask_code {
    MASK_SHORT =
        TRACE_MASKS, /* and seven more: with a byte, 5 bits of length - 1, 6 of the start */
    MASK_SPAN = MASK_SHORT + 8, /* start, length - 1 */
    MASK_PAIRS,                 /* 4 bytes: bit i is bits 2i, 2i + 1 */
    MASK_FOURS,                 /* 2 bytes: bit i is bits 4i to 4i + 3 */
    MASK_EIGHTS,                /* 1 byte: bit i is bits 8i to 8i + 7 */
    MASK_SPARSE,                /* which bytes are not 0, then these */
    MASK_BYTES,                 /* 8 bytes */
    MASK_CODES
};
static_assert(MASK_CODES <= 256, "a byte");

/* The first of a site's two places. */
static inline uint32_t site_place(uint64_t pc, uint8_t kind)
{
    return (uint32_t)((pc ^ (uint64_t)kind << 40) * 0x9e3779b97f4a7c15u >> 51) * 2;
}
static_assert(TRACE_SITE_PLACES == 1u << 14 && TRACE_SITES < 1u << 14, "site_place, two bytes");

static inline uint32_t mask_hash(uint64_t mask)
{
    return (uint32_t)((mask * 0x9e3779b97f4a7c15u >> 40) % TRACE_MASKS);
}

/* The bits that are left of a mask when each group of 2 or 4 has become one: `bits` has the lowest of each. */
static inline uint64_t mask_pairs(uint64_t bits)
{
    bits = (bits | bits >> 1) & 0x3333333333333333u;
    bits = (bits | bits >> 2) & 0x0f0f0f0f0f0f0f0fu;
    bits = (bits | bits >> 4) & 0x00ff00ff00ff00ffu;
    bits = (bits | bits >> 8) & 0x0000ffff0000ffffu;
    return (bits | bits >> 16) & 0xffffffffu;
}

static inline uint64_t mask_fours(uint64_t bits)
{
    bits = (bits | bits >> 3) & 0x0303030303030303u;
    bits = (bits | bits >> 6) & 0x000f000f000f000fu;
    bits = (bits | bits >> 12) & 0x000000ff000000ffu;
    return (bits | bits >> 24) & 0xffffu;
}

static inline uint8_t *put_bytes(uint8_t *p, uint64_t value, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        *p++ = (uint8_t)(value >> 8 * i);
    return p;
}

/* A mask that is no row of ones: programs touch elements of one size, or a few bytes here and there. */
static inline uint8_t *put_elements(uint8_t *p, uint64_t mask)
{
    uint64_t pairs = mask & 0x5555555555555555u, fours = mask & 0x1111111111111111u;
    uint64_t eights = mask & 0x0101010101010101u;
    if (eights * 255 == mask) {
        *p++ = MASK_EIGHTS;
        return put_bytes(p, eights * 0x0102040810204080u >> 56, 1);
    }
    if (fours * 15 == mask) {
        *p++ = MASK_FOURS;
        return put_bytes(p, mask_fours(fours), 2);
    }
    uint8_t *first = p++, *which = p++;
    *first = MASK_SPARSE;
    *which = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint8_t byte = (uint8_t)(mask >> 8 * i);
        *p = byte;
        p += byte != 0;
        *which |= (uint8_t)((byte != 0) << i);
    }
    if (p - first > 5 && pairs * 3 == mask) {
        *first = MASK_PAIRS;
        return put_bytes(first + 1, mask_pairs(pairs), 4);
    }
    if (p - first < 9)
        return p;
    *first = MASK_BYTES;
    return put_bytes(first + 1, mask, 8);
}

static __attribute__((noinline, unused)) uint8_t *put_mask(struct trace_access_codec *codec,
                                                           uint8_t *p, uint64_t mask)
{
    uint32_t slot = mask_hash(mask);
    if (codec->masks[slot] == mask) {
        *p++ = (uint8_t)slot;
        return p;
    }
    codec->masks[slot] = mask;
    unsigned start = (unsigned)__builtin_ctzll(mask);
    uint64_t span = mask >> start;
    if ((span & (span + 1)) == 0) {
        unsigned length = (unsigned)__builtin_popcountll(span) - 1;
        if (length < 32) {
            *p++ = (uint8_t)(MASK_SHORT + (start >> 3));
            *p++ = (uint8_t)(start << 5 | length);
            return p;
        }
        *p++ = MASK_SPAN;
        *p++ = (uint8_t)start;
        *p++ = (uint8_t)length;
        return p;
    }
    return put_elements(p, mask);
}

#define MASK_TOLD_MAX 10u /* bytes that mask_told may look at */

/* The mask that put_mask told at `p`, code and all; 0 if that is none. Returns its end. */
static __attribute__((noinline, unused)) const uint8_t *mask_told(const uint8_t *p, uint64_t *mask)
{
    uint32_t code = *p++;
    uint64_t bits, start, length;
    *mask = 0;
    if (code < MASK_SPAN) {
        start = (code - MASK_SHORT) * 8 + (*p >> 5);
        length = *p++ & 31;
        *mask = start + length > 63 ? 0 : ~UINT64_C(0) >> (63 - length) << start;
        return p;
    }
    switch (code) {
    case MASK_SPAN:
        start = p[0];
        length = p[1];
        *mask = start + length > 63 ? 0 : ~UINT64_C(0) >> (63 - length) << start;
        return p + 2;
    case MASK_PAIRS:
        bits = p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
        bits = (bits | bits << 16) & 0x0000ffff0000ffffu;
        bits = (bits | bits << 8) & 0x00ff00ff00ff00ffu;
        bits = (bits | bits << 4) & 0x0f0f0f0f0f0f0f0fu;
        bits = (bits | bits << 2) & 0x3333333333333333u;
        *mask = ((bits | bits << 1) & 0x5555555555555555u) * 3;
        return p + 4;
    case MASK_FOURS:
        bits = p[0] | (uint64_t)p[1] << 8;
        bits = (bits | bits << 24) & 0x000000ff000000ffu;
        bits = (bits | bits << 12) & 0x000f000f000f000fu;
        bits = (bits | bits << 6) & 0x0303030303030303u;
        *mask = ((bits | bits << 3) & 0x1111111111111111u) * 15;
        return p + 2;
    case MASK_EIGHTS:
        bits = p[0];
        bits = (bits | bits << 28) & 0x0000000f0000000fu;
        bits = (bits | bits << 14) & 0x0003000300030003u;
        *mask = ((bits | bits << 7) & 0x0101010101010101u) * 255;
        return p + 1;
    case MASK_SPARSE:
        for (uint32_t i = 0, which = *p++; i < 8; i++)
            if (which >> i & 1)
                *mask |= (uint64_t)*p++ << 8 * i;
        return p;
    case MASK_BYTES:
        for (uint32_t i = 0; i < 8; i++)
            *mask |= (uint64_t)*p++ << 8 * i;
        return p;
    default:
        return p;
    }
}

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
                               .address = codec->recent[codec->recent_last],
                               .context = codec->line_context,
                               .from = slot,
                               .next = codec->sites[slot].next,
                               .next_before = codec->sites[slot].next_before,
                               .kind = kind,
                               .used = 1};
}

static inline uint32_t site_pair(const struct trace_access_codec *codec)
{
    return (codec->site * 0x9e3779b1u ^ codec->site_before * 0x85ebca6bu) >> 20;
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

/* After a record of the entry `slot`, at the byte `address`. */
static inline void line_passed(struct trace_access_codec *codec, uint16_t slot, uint64_t address,
                               uint32_t context)
{
    struct trace_site *site = &codec->sites[slot];
    uint32_t recent = codec->recent_last == TRACE_RECENT - 1 ? 1 : codec->recent_last + 1u;
    codec->recent[recent] = address;
    codec->recent_site[recent] = slot;
    codec->recent_last = (uint8_t)recent;
    site->address = address;
    site->context = context;
    codec->site_before = codec->site;
    codec->site = slot;
    if (context != codec->line_context) {
        codec->context_before = codec->line_context;
        codec->line_context = context;
    }
}

/* The site was not the one foreseen: `code` says how it is told. */
static inline void site_learn(struct trace_access_codec *codec, uint16_t slot, uint32_t code)
{
    struct trace_site *before = &codec->sites[codec->site];
    codec->pairs[site_pair(codec)] = slot;
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

/* By the leading zeros of a number: how many bytes it takes. */
static inline unsigned number_bytes(uint64_t value)
{
    return (70u - (unsigned)__builtin_clzll(value | 1)) * 37 >> 8; /* a seventh, for up to 70 */
}

static inline uint8_t *put_site(struct trace_access_codec *codec, uint8_t *p, uint8_t kind,
                                uint64_t pc, uint32_t *code)
{
    const struct trace_site *before = &codec->sites[codec->site];
    uint16_t slot = before->next;
    *code = SITE_NEXT;
    if (codec->sites[slot].pc != pc || codec->sites[slot].kind != kind) {
        slot = before->next_before;
        *code = SITE_NEXT_BEFORE;
    }
    if (codec->sites[slot].pc != pc || codec->sites[slot].kind != kind) {
        *code = SITE_TOLD;
        if (site_find(codec, kind, pc, &slot)) {
            p = put_number(p, slot + 1u);
        } else {
            codec->sites[slot] = site_fresh(codec, slot, kind, pc);
            *p++ = 0;
            *p++ = kind;
            p = put_delta(p, pc, &codec->pc);
        }
    }
    site_learn(codec, slot, *code);
    codec->told = slot;
    return p;
}

/* Its distance from one of the addresses in `recent`, and below that which. */
static inline uint64_t place_key(const struct trace_access_codec *codec, uint64_t address,
                                 uint32_t which)
{
    return fold(address - codec->recent[which]) * TRACE_RECENT + which;
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
    unsigned by_line = lines == 1 ? 0 : number_bytes(fold(lines));
    if (site->shape != shape)
        by_byte += 2u - (codec->masks[mask_hash(shape)] == shape);
    if (before != mask)
        by_line += 2u - (codec->masks[mask_hash(mask)] == mask);
    return by_line < by_byte;
}

static __attribute__((noinline, unused)) uint8_t *put_line(struct trace_access_codec *codec,
                                                           uint8_t *p, uint64_t address,
                                                           uint64_t shape, uint64_t before,
                                                           uint32_t *header)
{
    uint16_t slot = codec->told;
    struct trace_site *site = &codec->sites[slot];
    uint64_t mask = shape << address % 64, lines = address / 64 - site->address / 64;
    *header |= LINE_BY_LINE;
    site->shape = shape;
    site->from = slot;
    site->step = step_own(lines * 64);
    if (before == mask)
        *header |= LINE_SHAPE;
    else
        p = put_mask(codec, p, mask);
    if (lines != 1)
        return put_number(p, fold(lines));
    *header |= LINE_PLACE;
    return p;
}

/* Shape and place of a record that is not where it was foreseen. */
static inline __attribute__((always_inline)) uint8_t *put_place(struct trace_access_codec *codec,
                                                                uint8_t *p, uint64_t address,
                                                                uint64_t shape, uint32_t *header)
{
    uint16_t slot = codec->told;
    struct trace_site *site = &codec->sites[slot];
    codec->recent[0] = site->address;
    codec->recent_site[0] = slot;
    uint32_t which = place_nearest(codec, address);
    uint64_t step = address - codec->recent[which], distance = fold(step);
    bool same = site->shape == shape;
    if (!same || distance > 15) {
        uint64_t before = site->shape << site->address % 64, mask = shape << address % 64;
        uint64_t lines = address / 64 - site->address / 64;
        if (place_by_line(codec, site, shape, before, mask, lines, distance))
            return put_line(codec, p, address, shape, before, header);
        if (!same) {
            site->shape = shape;
            p = put_mask(codec, p, shape);
        }
    }
    *header |= same ? LINE_SHAPE : 0;
    uint64_t more = distance >> PLACE_LOW;
    *p++ = (uint8_t)(which | (distance & ((1u << PLACE_LOW) - 1)) << PLACE_LOW_AT |
                     (more ? PLACE_MORE : 0));
    site->from = codec->recent_site[which];
    site->step = which ? step : step_own(step);
    return more ? put_number(p, more) : p;
}

/* A LINE of one line that is not quite foreseen; codec->told is the entry that was. */
static __attribute__((noinline, unused)) uint8_t *line_tell(struct trace_access_codec *codec,
                                                            uint8_t *p, uint8_t kind, uint64_t pc,
                                                            uint64_t address, uint64_t shape,
                                                            uint32_t context)
{
    uint8_t *first = p++;
    uint32_t code = SITE_OF_TWO;
    codec->counted = NULL;
    struct trace_site *site = &codec->sites[codec->told];
    /* (A pc is never 0: an entry not used has another one.) */
    if (site->pc != pc || site->kind != kind) {
        p = put_site(codec, p, kind, pc, &code);
        site = &codec->sites[codec->told];
    }
    uint32_t header = LINE_BIT | code << LINE_SITE;
    if (place_foreseen(codec, site) != address) {
        p = put_place(codec, p, address, shape, &header);
    } else if (site->shape != shape) {
        header |= LINE_PLACE;
        site->shape = shape;
        p = put_mask(codec, p, shape);
    } else {
        header |= LINE_PLACE | LINE_SHAPE;
    }
    if (context_foreseen(codec, site, site->context_code) == context) {
        header |= LINE_CONTEXT;
    } else {
        uint32_t how = context == codec->line_context     ? CONTEXT_LAST
                       : context == codec->context_before ? CONTEXT_BEFORE
                       : context == site->context         ? CONTEXT_OWN
                       : context == codec->context        ? CONTEXT_PRESENT
                                                          : CONTEXT_CODES;
        if (how < CONTEXT_CODES)
            site->context_code = (uint8_t)how;
        else
            how += codec->context - context;
        p = put_number(p, how);
    }
    line_passed(codec, codec->told, address, context);
    *first = (uint8_t)header;
    return p;
}

/* The LINE that was told from `first` to `p` is of `run` further lines too. */
static inline uint8_t *line_put_run(struct trace_access_codec *codec, uint8_t *first, uint8_t *p,
                                    uint32_t run, int stride)
{
    struct trace_site *site = &codec->sites[codec->site];
    *first |= LINE_RUN;
    site->address += (stride < 0 ? 0 - (uint64_t)run : run) * 64;
    codec->recent[codec->recent_last] = site->address;
    return put_number(p, (uint64_t)run << 1 | (stride < 0));
}

/* A LINE of one line. */
static inline __attribute__((always_inline)) uint8_t *line_put(struct trace_access_codec *codec,
                                                               uint8_t *p, uint8_t kind,
                                                               uint64_t pc, uint64_t address,
                                                               uint64_t mask, uint32_t context)
{
    uint16_t slot = codec->pairs[site_pair(codec)];
    const struct trace_site *site = &codec->sites[slot];
    unsigned start = (unsigned)__builtin_ctzll(mask);
    uint64_t place = address + start, shape = mask >> start;
    if (site->pc != pc || site->kind != kind || place_foreseen(codec, site) != place ||
        site->shape != shape || context_foreseen(codec, site, site->context_code) != context) {
        codec->told = slot;
        return line_tell(codec, p, kind, pc, place, shape, context);
    }
    line_passed(codec, slot, place, context);
    if (p == codec->counted && p[-1] != FORESEEN_LAST) {
        p[-1] = (uint8_t)(p[-1] + 2);
        return p;
    }
    *p++ = FORESEEN_FIRST;
    codec->counted = p;
    return p;
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

#endif
