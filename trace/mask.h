/*
 * How masks are told: by a table of those told last, else by what programs touch: a row of bytes, elements of one size, a
 * few bytes here and there. For line.h alone. Invariant: each mask that is told goes into the table, on both sides.
 */
#ifndef TRACE_MASK_H
#define TRACE_MASK_H

#include "trace/codec.h"

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

static inline uint32_t mask_hash(uint64_t mask)
{
    return (uint32_t)((mask * 0x9e3779b97f4a7c15u >> 40) * TRACE_MASKS >> 24);
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
        unsigned length = 63 - (unsigned)__builtin_clzll(span); /* less 1 */
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

#endif
