/* Machine code, byte by byte, at the emitter's place. Registers by number; PATCH_NO_REGISTER for none. */
#ifndef SHIM_PATCH_ENCODE_H
#define SHIM_PATCH_ENCODE_H

#include "shim/access_state.h"
#include "shim/patch_emit.h"

static inline void byte(struct emitter *e, uint32_t value)
{
    *e->at++ = (uint8_t)value;
}

static inline void bytes(struct emitter *e, const void *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        byte(e, ((const uint8_t *)from)[i]);
}

static inline void number(struct emitter *e, uint64_t value, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        byte(e, (uint32_t)(value >> 8 * i));
}

static inline uint64_t runs_at(const struct emitter *e)
{
    return (uint64_t)(uintptr_t)e->at + (uint64_t)e->image->shift;
}

static inline uint32_t offset_now(const struct emitter *e)
{
    return (uint32_t)(e->at - e->image->out);
}

/* The distance from the end of a field of four bytes here to `address`; too far makes the whole copy invalid. */
static inline void distance(struct emitter *e, uint64_t address, uint32_t behind)
{
    int64_t value = (int64_t)(address - (runs_at(e) + 4 + behind));
    if (value != (int32_t)value)
        e->failed = true;
    number(e, (uint64_t)value, 4);
}

static inline void rex(struct emitter *e, bool wide, uint32_t reg, uint32_t index, uint32_t base,
                       bool force)
{
    uint32_t value =
        0x40u | (wide ? 8u : 0u) | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (base >> 3 & 1);
    if (value != 0x40 || force)
        byte(e, value);
}

/* ModRM, SIB and displacement; PATCH_NO_REGISTER for none. */
static inline void address_bytes(struct emitter *e, uint32_t reg, uint32_t base, uint32_t index,
                                 uint32_t scale, int32_t displacement)
{
    static const uint8_t scales[9] = {[1] = 0, [2] = 1, [4] = 2, [8] = 3};
    uint32_t field = (reg & 7) << 3, x = index == PATCH_NO_REGISTER ? 4 : index & 7;
    if (base == PATCH_NO_REGISTER) {
        byte(e, field | 4);
        byte(e, (uint32_t)scales[scale] << 6 | x << 3 | 5);
        number(e, (uint32_t)displacement, 4);
        return;
    }
    uint32_t mode = displacement == 0 && (base & 7) != 5          ? 0u
                    : displacement >= -128 && displacement <= 127 ? 1u
                                                                  : 2u;
    if (index == PATCH_NO_REGISTER && (base & 7) != 4) {
        byte(e, mode << 6 | field | (base & 7));
    } else {
        byte(e, mode << 6 | field | 4);
        byte(e, (uint32_t)scales[scale] << 6 | x << 3 | (base & 7));
    }
    if (mode)
        number(e, (uint32_t)displacement, mode == 1 ? 1 : 4);
}

static inline void with_memory(struct emitter *e, uint32_t opcode, bool wide, uint32_t reg,
                               uint32_t base, uint32_t index, uint32_t scale, int32_t displacement)
{
    rex(e, wide, reg, index == PATCH_NO_REGISTER ? 0 : index, base == PATCH_NO_REGISTER ? 0 : base,
        false);
    byte(e, opcode);
    address_bytes(e, reg, base, index, scale, displacement);
}

/* opcode reg, %fs:offset */
static inline void with_thread(struct emitter *e, uint32_t opcode, bool wide, uint32_t reg,
                               int32_t offset)
{
    byte(e, 0x64);
    with_memory(e, opcode, wide, reg, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, offset);
}

static inline void with_register(struct emitter *e, uint32_t opcode, bool wide, uint32_t reg,
                                 uint32_t rm)
{
    rex(e, wide, reg, 0, rm, false);
    byte(e, opcode);
    byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

#define STORE         0x89
#define LOAD          0x8b
#define LEA           0x8d
#define OR            0x09 /* to memory */
#define XOR           0x33
#define AND           0x23
#define ADD           0x03
#define SUB           0x2b
#define CMP           0x3b

#define THREAD(field) (patch_thread_offset + (int32_t)offsetof(struct patch_thread, field))
#define FAST(field)   (access_fast_offset + (int32_t)offsetof(struct access_fast, field))

#define RAX           0u
#define RCX           1u

static inline void effective_address(struct emitter *e, const struct patch_instruction *in,
                                     uint32_t to, bool without_index)
{
    uint32_t index = without_index ? PATCH_NO_REGISTER : in->index;
    if (in->local) { /* fs:0 is the thread pointer itself */
        with_thread(e, LOAD, true, to, 0);
        if (in->base != PATCH_NO_REGISTER)
            index = in->base;
        with_memory(e, LEA, true, to, to, index, in->base == PATCH_NO_REGISTER ? in->scale : 1,
                    (int32_t)in->displacement);
    } else if (in->bits & INSTRUCTION_RELATIVE) {
        rex(e, true, to, 0, 0, true);
        byte(e, LEA);
        byte(e, (to & 7) << 3 | 5);
        distance(e, (uint64_t)in->displacement, 0);
    } else if (in->base == PATCH_NO_REGISTER && index == PATCH_NO_REGISTER) {
        rex(e, true, 0, 0, to, true);
        byte(e, 0xb8 | (to & 7));
        number(e, (uint64_t)in->displacement, 8);
    } else {
        with_memory(e, LEA, true, to, in->base, index, in->scale ? in->scale : 1,
                    (int32_t)in->displacement);
    }
}

/* Scratch registers, the cheap ones to encode first; r11 is the likeliest to be dead. */
static const uint8_t scratch[] = {0, 1, 2, 6, 7, 3, 5, 11, 10, 9, 8, 14, 15, 13, 12};

static inline uint32_t scratch_register(uint32_t live, uint32_t used)
{
    for (uint32_t i = 0; i < sizeof scratch; i++)
        if (!((live | used) >> scratch[i] & 1))
            return scratch[i];
    for (uint32_t i = 0; i < sizeof scratch; i++)
        if (!(used >> scratch[i] & 1))
            return scratch[i];
    return 0;
}

/* What `reg` >> 2 is in its low bits goes to `to`. */
static inline void quarter(struct emitter *e, uint32_t reg, uint32_t to)
{
    if (!patch_has_bmi2) {
        with_register(e, STORE, false, reg, to);
        with_register(e, 0xc1, false, 5, to); /* shr */
        byte(e, 2);
        return;
    }
    byte(e, 0xc4); /* rorx: the bits above are masked off anyway */
    byte(e, (to & 8 ? 0u : 0x80u) | 0x40 | (reg & 8 ? 0u : 0x20u) | 3);
    byte(e, 0x7b);
    byte(e, 0xf0);
    byte(e, 0xc0 | (to & 7) << 3 | (reg & 7));
    byte(e, 2);
}

/* `to`: the entry of the address in `reg`. */
static inline void entry_of(struct emitter *e, uint32_t reg, uint32_t to, bool write)
{
    quarter(e, reg, to);
    with_thread(e, AND, false, to, write ? FAST(writes.mask) : FAST(reads.mask));
    with_thread(e, ADD, true, to, write ? FAST(writes.entries) : FAST(reads.entries));
}

/* shrx (or shlx) A, unseen(B), to; without BMI2 A is rcx, and `to` is B. */
static inline void shift_unseen(struct emitter *e, uint32_t a, uint32_t b, uint32_t to, bool right)
{
    if (patch_has_bmi2) {
        byte(e, 0xc4);
        byte(e, (to & 8 ? 0u : 0x80u) | 0x40 | (b & 8 ? 0u : 0x20u) | 2);
        byte(e, 0x80 | (~a & 15) << 3 | (right ? 3u : 1u));
        byte(e, 0xf7);
        address_bytes(e, to, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, unseen));
        return;
    }
    with_memory(e, LOAD, true, b, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, unseen));
    with_register(e, 0xd3, true, right ? 5 : 4, b); /* shr, shl %cl, B */
}

static inline uint32_t operand_registers(const struct patch_instruction *in)
{
    uint32_t used = 1u << PATCH_RSP;
    if (in->base != PATCH_NO_REGISTER)
        used |= 1u << in->base;
    if (in->index != PATCH_NO_REGISTER)
        used |= 1u << in->index;
    return used;
}

static inline uint32_t jump_forward(struct emitter *e, uint32_t condition)
{
    byte(e, 0x0f);
    byte(e, 0x80 | condition);
    number(e, 0, 4);
    return offset_now(e);
}

static inline uint32_t jump_always(struct emitter *e)
{
    byte(e, 0xe9);
    number(e, 0, 4);
    return offset_now(e);
}

static inline void land(struct emitter *e, uint32_t behind_jump)
{
    if (!behind_jump)
        return;
    uint32_t value = offset_now(e) - behind_jump;
    for (uint32_t i = 0; i < 4; i++)
        e->image->out[behind_jump - 4 + i] = (uint8_t)(value >> 8 * i);
}

/* The same within 127 bytes. */
static inline uint32_t jump_short(struct emitter *e, uint32_t condition)
{
    byte(e, 0x70 | condition);
    byte(e, 0);
    return offset_now(e);
}

static inline void land_short(struct emitter *e, uint32_t behind_jump)
{
    e->image->out[behind_jump - 1] = (uint8_t)(offset_now(e) - behind_jump);
}

static inline void jump_back(struct emitter *e, uint32_t condition, uint32_t to)
{
    byte(e, 0x0f);
    byte(e, 0x80 | condition);
    number(e, to - (offset_now(e) + 4), 4);
}

#define IF_CARRY     2u
#define IF_NO_CARRY  3u
#define IF_EQUAL     4u
#define IF_NOT_EQUAL 5u
#define IF_ABOVE     7u
#define IF_SIGN      8u

/* vmovdqu (vmovdqu64 where only EVEX can name the register) of a vector register to patch_thread. */
static inline void store_vector(struct emitter *e, uint32_t vector, uint32_t size, int32_t offset)
{
    byte(e, 0x64);
    if (vector < 16 && size <= 32) {
        byte(e, 0xc5);
        byte(e, (vector & 8 ? 0u : 0x80u) | 0x78 | (size == 32 ? 4u : 0u) | 2);
        byte(e, 0x7f);
    } else {
        byte(e, 0x62);
        byte(e, (vector & 8 ? 0u : 0x80u) | 0x60 | (vector & 16 ? 0u : 0x10u) | 1);
        byte(e, 0xfe); /* W1, vvvv none, F3 */
        byte(e, (size == 64 ? 0x40u : size == 32 ? 0x20u : 0u) | 8);
        byte(e, 0x7f);
    }
    /* A displacement of four bytes is not compressed in EVEX. */
    address_bytes(e, vector & 7, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, offset);
}

static inline void store_mask_register(struct emitter *e, uint32_t mask, uint32_t elements,
                                       int32_t offset)
{
    byte(e, 0x64);
    if (elements <= 16) { /* kmovw needs AVX512F only */
        bytes(e, "\xc5\xf8\x91", 3);
    } else {
        bytes(e, "\xc4\xe1\xf8\x91", 4);
    }
    address_bytes(e, mask, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, offset);
}

#endif
