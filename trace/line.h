/*
 * How LINE and SEGMENT records are written: for codec.c, and inline for the recorder, which writes little else.
 *
 * The first byte is odd:
 *   bit 1     the site is the one that followed the last site last time
 *   bit 2     the mask is the site's last mask
 *   bits 3-5  where the line is (enum line_code)
 *   bit 6     the context is that of the LINE or CONTEXT record before
 *   bit 7     a run follows
 * Any other record begins with twice its type.
 */
#ifndef TRACE_LINE_H
#define TRACE_LINE_H

#include <stdbool.h>

#include "trace/codec.h"
#include "trace/number.h"

#define LINE_BIT          1u
#define LINE_SITE         2u
#define LINE_MASK         4u
#define LINE_CODE(header) ((header) >> 3 & 7)
#define LINE_CONTEXT      64u
#define LINE_RUN          128u

enum line_code {
    LINE_NEXT,
    LINE_SAME,
    LINE_BEFORE,
    LINE_LAST,
    LINE_LAST_NEXT,
    LINE_FROM_OWN,
    LINE_FROM_LAST
};

#define SITE_NEW   0x8000u
#define MASK_SPAN  240u /* start, length - 1 */
#define MASK_BYTES 241u /* 8 bytes */

static inline uint32_t site_hash(uint64_t pc, uint8_t kind)
{
    return (uint32_t)((pc ^ (uint64_t)kind << 40) * 0x9e3779b97f4a7c15u >> 54);
}
static_assert(TRACE_SITES == 1u << 10, "site_hash");

static inline uint32_t mask_hash(uint64_t mask)
{
    return (uint32_t)((mask * 0x9e3779b97f4a7c15u >> 40) % TRACE_MASKS);
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
        *p++ = MASK_SPAN;
        *p++ = (uint8_t)start;
        *p++ = (uint8_t)(__builtin_popcountll(span) - 1);
        return p;
    }
    *p++ = MASK_BYTES;
    for (unsigned i = 0; i < 8; i++)
        *p++ = (uint8_t)(mask >> 8 * i);
    return p;
}

/* The site's number, if it is not the one foreseen. */
static __attribute__((noinline, unused)) uint8_t *put_site(struct trace_access_codec *codec,
                                                           uint8_t *p, uint32_t slot, uint8_t kind,
                                                           uint64_t pc)
{
    struct trace_site *site = &codec->sites[slot];
    bool known = site->pc == pc && site->kind == kind && site->used;
    uint32_t word = slot | (known ? 0 : SITE_NEW);
    codec->sites[codec->site].next = (uint16_t)slot;
    *p++ = (uint8_t)word;
    *p++ = (uint8_t)(word >> 8);
    if (known)
        return p;
    *site = (struct trace_site){
        .pc = pc, .line = codec->line, .kind = kind, .used = 1, .next = site->next};
    *p++ = kind;
    return put_delta(p, pc, &codec->pc);
}

/* A LINE of one line. */
static inline __attribute__((always_inline)) uint8_t *line_put(struct trace_access_codec *codec,
                                                               uint8_t *p, uint8_t kind,
                                                               uint64_t pc, uint64_t address,
                                                               uint64_t mask, uint32_t context)
{
    uint8_t *first = p++;
    uint32_t slot = site_hash(pc, kind), header = LINE_BIT | LINE_SITE | LINE_MASK | LINE_CONTEXT;
    struct trace_site *site = &codec->sites[slot];
    /* (A pc is never 0: an entry not used has another one. What is foreseen is known.) */
    if (codec->sites[codec->site].next != slot || site->pc != pc || site->kind != kind) {
        header &= ~LINE_SITE;
        p = put_site(codec, p, slot, kind, pc);
    }
    codec->site = (uint16_t)slot;
    uint64_t line = address / 64, own = line - site->line, last = line - codec->line;
    site->line = codec->line = line;
    if (site->mask != mask) {
        header &= ~LINE_MASK;
        site->mask = mask;
        p = put_mask(codec, p, mask);
    }
    if (own + 1 <= 2) {
        header |= (LINE_SAME - (uint32_t)own) << 3;
    } else if (last <= 1) {
        header |= (LINE_LAST + (uint32_t)last) << 3;
    } else {
        bool near = fold(own) <= fold(last);
        header |= (near ? LINE_FROM_OWN + 0u : LINE_FROM_LAST + 0u) << 3;
        p = put_number(p, fold(near ? own : last));
    }
    if (context != codec->line_context) {
        header &= ~LINE_CONTEXT;
        codec->line_context = context;
        p = put_number(p, codec->context - context);
    }
    *first = (uint8_t)header;
    return p;
}

/* The LINE from `first` to `p` is of `run` further lines too. */
static inline uint8_t *line_put_run(struct trace_access_codec *codec, uint8_t *first, uint8_t *p,
                                    uint32_t run, int stride)
{
    *first |= LINE_RUN;
    codec->line += stride < 0 ? 0 - (uint64_t)run : run;
    codec->sites[codec->site].line = codec->line;
    return put_number(p, (uint64_t)run << 1 | (stride < 0));
}

static inline uint8_t *segment_put(struct trace_access_codec *codec, uint8_t *p, uint64_t segment)
{
    uint64_t step = segment - codec->segment;
    codec->segment = segment;
    *p++ = TRACE_ACCESS_SEGMENT << 1;
    return put_number(p, step);
}

#endif
