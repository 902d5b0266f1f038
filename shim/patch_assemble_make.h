/* Machine code for patch_random_make.h: operands in all forms of addressing, legacy and VEX encodings. */
#ifndef SHIM_PATCH_ASSEMBLE_MAKE_H
#define SHIM_PATCH_ASSEMBLE_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#define DATA        UINT64_C(0x10000000) /* below 2 GB: absolute addresses of four bytes */
#define DATA_BYTES  0x10000u
#define CONSTANTS   (DATA + 0xf000) /* never written: small numbers, for gathers */
#define R11_BIT     (1u << 11)
#define LEAF        3 /* depth: no branches */
#define POINTER_LOW (DATA + 0x4000)

struct random_code {
    uint8_t *at;
    uint64_t seed;
    uint8_t pointer[3], index[2], counter;
    uint16_t data; /* registers that may hold anything */
    bool avx2, avx512;
    int depth;
    uint8_t *leaf; /* a function that may be called */
};

static uint32_t draw(struct random_code *g, uint32_t below)
{
    g->seed = g->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((g->seed >> 33) % below);
}

static void put(struct random_code *g, uint64_t value, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        *g->at++ = (uint8_t)(value >> 8 * i);
}

static uint32_t data_register(struct random_code *g)
{
    for (;;) {
        uint32_t name = draw(g, 16);
        if (g->data >> name & 1)
            return name;
    }
}

static bool is_data(const struct random_code *g, uint32_t name)
{
    return g->data >> name & 1;
}

/* ---- encoding ---- */

/* A thread-local variable of the functions. */
#define OWN_BYTES 512
static __thread uint8_t own_bytes[OWN_BYTES] __attribute__((aligned(64)));

static uint64_t thread_pointer(void)
{
    uint64_t self;
    __asm__("mov %%fs:0, %0" : "=r"(self));
    return self;
}

enum where { IN_REGISTER, BY_BASE, BY_RIP, ABSOLUTE, ON_STACK, BY_THREAD };
struct operand {
    enum where place;
    uint32_t base, index, scale; /* index 4: none */
    int32_t displacement;
};

/* Everything of an opcode but its operands. */
struct form {
    uint8_t prefix; /* 0x66, 0xf2, 0xf3 or 0 */
    uint8_t map;    /* 0, 1: 0f, 2: 0f38, 3: 0f3a */
    uint8_t opcode;
    uint8_t tail; /* bytes behind the operand */
    bool wide, lock;
};

static struct operand memory(struct random_code *g)
{
    struct operand o = {.index = 4, .scale = draw(g, 4)};
    o.base = g->pointer[draw(g, 3)];
    o.displacement = (int32_t)draw(g, 3) == 0 ? 0 : (int32_t)draw(g, 250) - 125;
    switch (draw(g, 8)) {
    case 0:
        o.place = BY_RIP;
        break;
    case 1:
        o.place = ABSOLUTE;
        break;
    case 2: /* below rsp: not in a leaf, where that was the stub's */
        o.place = g->depth < LEAF ? ON_STACK : BY_BASE;
        break;
    default:
        o.place = BY_BASE;
        break;
    }
    if (draw(g, 4) == 0)
        o.displacement = (int32_t)draw(g, 8000) - 4000;
    if (o.place != BY_RIP && draw(g, 3) == 0)
        o.index = g->index[draw(g, 2)];
    if (o.place == ON_STACK) { /* also below rsp, where a leaf may keep things */
        o.index = 4;
        o.displacement = -64 - 4 * (int32_t)draw(g, 16);
    }
    if (o.place == ABSOLUTE && draw(g, 2)) {
        int64_t middle =
            (int64_t)((uint64_t)(uintptr_t)(own_bytes + OWN_BYTES / 2) - thread_pointer());
        o = (struct operand){.place = BY_THREAD, .index = 4};
        o.displacement = (int32_t)middle + (int32_t)draw(g, 250) - 125;
    }
    return o;
}

static struct operand in_register(uint32_t name)
{
    return (struct operand){.place = IN_REGISTER, .base = name};
}

static uint32_t rex_bits(const struct form *f, uint32_t reg, const struct operand *o)
{
    uint32_t x = o->place == BY_BASE || o->place == ABSOLUTE ? o->index >> 3 : 0;
    uint32_t b = o->place == BY_BASE || o->place == IN_REGISTER ? o->base >> 3 : 0;
    return (f->wide ? 8u : 0u) | (reg >> 3 & 1) << 2 | (x & 1) << 1 | (b & 1);
}

static void put_operand(struct random_code *g, const struct form *f, uint32_t reg,
                        const struct operand *o)
{
    uint32_t field = (reg & 7) << 3;
    if (o->place == IN_REGISTER) {
        put(g, 0xc0 | field | (o->base & 7), 1);
    } else if (o->place == BY_RIP) {
        put(g, field | 5, 1);
        uint64_t to = POINTER_LOW + 0x2000 + (uint64_t)(int64_t)o->displacement;
        put(g, to - ((uint64_t)(uintptr_t)g->at + 4 + f->tail), 4);
    } else if (o->place == BY_THREAD) {
        put(g, field | 4, 1);
        put(g, 0x25, 1);
        put(g, (uint32_t)o->displacement, 4);
    } else if (o->place == ABSOLUTE) {
        put(g, field | 4, 1);
        put(g, (o->scale << 6) | (o->index & 7) << 3 | 5, 1);
        put(g, POINTER_LOW + 0x2000 + (uint64_t)(int64_t)o->displacement, 4);
    } else {
        uint32_t base = o->place == ON_STACK ? 4 : o->base;
        bool small = o->displacement >= -128 && o->displacement <= 127;
        uint32_t mode = o->displacement == 0 && (base & 7) != 5 ? 0 : small ? 1u : 2u;
        if (o->index == 4 && (base & 7) != 4) {
            put(g, mode << 6 | field | (base & 7), 1);
        } else {
            put(g, mode << 6 | field | 4, 1);
            put(g, (o->scale << 6) | (o->index & 7) << 3 | (base & 7), 1);
        }
        put(g, (uint32_t)o->displacement, mode == 2 ? 4 : mode);
    }
}

static void put_code(struct random_code *g, struct form f, uint32_t reg, struct operand o)
{
    if (o.place == BY_THREAD)
        put(g, 0x64, 1);
    if (f.lock)
        put(g, 0xf0, 1);
    if (f.prefix)
        put(g, f.prefix, 1);
    put(g, 0x40 | rex_bits(&f, reg, &o), 1);
    if (f.map)
        put(g, 0x0f, 1);
    if (f.map > 1)
        put(g, f.map == 2 ? 0x38 : 0x3a, 1);
    put(g, f.opcode, 1);
    put_operand(g, &f, reg, &o);
}

/* VEX: `second` is the register in vvvv; prefix 0x66 and so on as in the form. */
static void put_vex(struct random_code *g, struct form f, bool ymm, uint32_t reg, uint32_t second,
                    struct operand o)
{
    uint32_t bits = rex_bits(&f, reg, &o);
    uint32_t pp = f.prefix == 0x66 ? 1 : f.prefix == 0xf3 ? 2 : f.prefix == 0xf2 ? 3u : 0u;
    if (o.place == BY_THREAD)
        put(g, 0x64, 1);
    put(g, 0xc4, 1);
    put(g, (~bits & 7) << 5 | f.map, 1);
    put(g, (f.wide ? 0x80u : 0u) | (~second & 15) << 3 | (ymm ? 4u : 0u) | pp, 1);
    put(g, f.opcode, 1);
    put_operand(g, &f, reg, &o);
}

#endif
