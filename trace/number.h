/*
 * Numbers as the codec writes them, and how it reads them from input that nobody has checked: for codec.c and line.h alone.
 */
#ifndef TRACE_NUMBER_H
#define TRACE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* ---- numbers: LEB128, signed ones zigzag-folded, differences modulo 2^64 ---- */

static inline uint8_t *put_number(uint8_t *p, uint64_t value)
{
    if (value < 128) {
        *p = (uint8_t)value;
        return p + 1;
    }
    if (value < UINT64_C(1) << 28) { /* no loop: its end would be mispredicted every other time */
        uint32_t v = (uint32_t)value, length = (38u - (uint32_t)__builtin_clz(v)) / 7;
        uint32_t word = (v & 0x7f) | (v & 0x3f80) << 1 | (v & 0x1fc000) << 2 | (v & 0xfe00000) << 3;
        word |= 0x808080u >> 8 * (4 - length);
        for (unsigned i = 0; i < 4; i++)
            p[i] = (uint8_t)(word >> 8 * i);
        return p + length;
    }
    while (value >= 128) {
        *p++ = (uint8_t)(value | 128);
        value >>= 7;
    }
    *p++ = (uint8_t)value;
    return p;
}

static inline uint64_t fold(uint64_t difference)
{
    return difference << 1 ^ (0 - (difference >> 63));
}

static inline uint64_t unfold(uint64_t folded)
{
    return folded >> 1 ^ (0 - (folded & 1));
}

/* Writes `value` as its difference to *last, which becomes `value`. */
static inline uint8_t *put_delta(uint8_t *p, uint64_t value, uint64_t *last)
{
    p = put_number(p, fold(value - *last));
    *last = value;
    return p;
}

struct input {
    const uint8_t *p, *end;
    const char *error;
};

struct number {
    uint64_t value;   /* or the address of what is wrong */
    const uint8_t *p; /* behind it, or NULL */
};

/* Byte by byte. It has nothing of `struct input`, so that this stays in registers where numbers are
 * read. */
static __attribute__((noinline, unused)) struct number get_number_checked(const uint8_t *p,
                                                                          const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (p == end)
            return (struct number){(uintptr_t) "record cut short", NULL};
        uint8_t byte = *p++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return (struct number){value, p};
    }
    return (struct number){(uintptr_t) "number too long", NULL};
}

/* Numbers of up to 8 bytes are put together without a loop, as they are written. */
static inline uint64_t get_number(struct input *in)
{
    uint64_t word = 0, last = 0; /* the bytes that end a number */
    if (in->end - in->p >= (ptrdiff_t)sizeof(word)) {
        if (*in->p < 128)
            return *in->p++;
        __builtin_memcpy(&word, in->p, sizeof(word));
        last = ~word & 0x8080808080808080u;
    }
    if (last == 0) {
        struct number number = get_number_checked(in->p, in->end);
        if (!number.p) {
            in->error = (const char *)(uintptr_t)number.value;
            return 0;
        }
        in->p = number.p;
        return number.value;
    }
    in->p += ((unsigned)__builtin_ctzll(last) >> 3) + 1;
    word &= (last ^ (last - 1)) & 0x7f7f7f7f7f7f7f7fu;
    word = (word & 0x007f007f007f007fu) | (word & 0x7f007f007f007f00u) >> 1;
    word = (word & 0x00003fff00003fffu) | (word & 0x3fff00003fff0000u) >> 2;
    return (word & 0x0fffffffu) | (word & 0x0fffffff00000000u) >> 4;
}

static inline uint64_t get_delta(struct input *in, uint64_t *last)
{
    *last += unfold(get_number(in));
    return *last;
}

static inline uint32_t get_id(struct input *in)
{
    uint64_t value = get_number(in);
    if (value > UINT32_MAX)
        in->error = "id out of range";
    return (uint32_t)value;
}

static inline uint32_t get_below(struct input *in, uint32_t limit)
{
    uint64_t value = get_number(in);
    if (value < limit)
        return (uint32_t)value;
    if (!in->error)
        in->error = "value out of range";
    return 0;
}

static inline uint8_t get_byte(struct input *in)
{
    if (in->p < in->end)
        return *in->p++;
    in->error = "record cut short";
    return 0;
}

#endif
