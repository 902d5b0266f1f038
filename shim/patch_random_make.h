/*
 * Random functions for patch_property_test.c: machine code over all addressing forms and operand sizes, with branches,
 * loops, calls, string instructions, LOCK, SSE, AVX and AVX-512 where the machine has them. What they may touch: the data
 * area, their own stack below and above rsp. Flags that an instruction leaves undefined are never looked at.
 *
 * Three pointer registers and two small indices are only changed in ways that keep them what they are; one register counts
 * loops; the rest is data.
 */
#ifndef SHIM_PATCH_RANDOM_MAKE_H
#define SHIM_PATCH_RANDOM_MAKE_H

#include "shim/patch_assemble_make.h"

/* ---- kinds of instructions ---- */

static uint8_t size_form(struct random_code *g, struct form *f, uint8_t byte_opcode)
{
    static const uint8_t sizes[] = {1, 2, 4, 4, 8, 8};
    uint8_t size = sizes[draw(g, 6)];
    f->opcode = size == 1 ? byte_opcode : (uint8_t)(byte_opcode + 1);
    f->prefix = size == 2 ? 0x66 : 0;
    f->wide = size == 8;
    return size;
}

static void define_flags(
    struct random_code *g) /* test %reg, %reg: all flags but AF are known again */
{
    uint32_t name = data_register(g);
    put_code(g, (struct form){.opcode = 0x85, .wide = true}, name, in_register(name));
}

static void arithmetic(struct random_code *g)
{
    struct form f = {.map = 0};
    uint32_t operation = draw(g, 8);
    switch (draw(g, 4)) {
    case 0: /* memory, register */
        size_form(g, &f, (uint8_t)(operation << 3));
        f.lock = operation != 7 && draw(g, 10) == 0;
        put_code(g, f, data_register(g), memory(g));
        break;
    case 1: /* register, memory */
        size_form(g, &f, (uint8_t)(operation << 3 | 2));
        put_code(g, f, data_register(g), memory(g));
        break;
    case 2: { /* memory, immediate */
        uint8_t size = size_form(g, &f, 0x80);
        f.tail = size == 1 ? 1 : size == 2 ? 2 : 4;
        f.lock = operation != 7 && draw(g, 10) == 0;
        put_code(g, f, operation, memory(g));
        put(g, g->seed >> 11, f.tail);
        break;
    }
    default: /* register, register */
        size_form(g, &f, (uint8_t)(operation << 3));
        put_code(g, f, data_register(g), in_register(data_register(g)));
        break;
    }
}

static void moves(struct random_code *g)
{
    struct form f = {.map = 0};
    switch (draw(g, 7)) {
    case 0:
    case 1:
        size_form(g, &f, 0x88);
        put_code(g, f, data_register(g), memory(g));
        break;
    case 2:
    case 3:
        size_form(g, &f, 0x8a);
        put_code(g, f, data_register(g), memory(g));
        break;
    case 4: { /* movzx, movsx */
        static const uint8_t opcodes[] = {0xb6, 0xb7, 0xbe, 0xbf};
        put_code(g, (struct form){.map = 1, .opcode = opcodes[draw(g, 4)], .wide = draw(g, 2)},
                 data_register(g), memory(g));
        break;
    }
    case 5: { /* movslq */
        put_code(g, (struct form){.opcode = 0x63, .wide = true}, data_register(g), memory(g));
        break;
    }
    default: { /* an immediate */
        uint8_t size = size_form(g, &f, 0xc6);
        f.tail = size == 1 ? 1 : size == 2 ? 2 : 4;
        put_code(g, f, 0, memory(g));
        put(g, g->seed >> 13, f.tail);
        break;
    }
    }
}

static void one_operand(struct random_code *g)
{
    struct form f = {.map = 0};
    switch (draw(g, 9)) {
    case 0: /* inc, dec */
        size_form(g, &f, 0xfe);
        f.lock = draw(g, 8) == 0;
        put_code(g, f, draw(g, 2), memory(g));
        break;
    case 1: /* not, neg */
        size_form(g, &f, 0xf6);
        put_code(g, f, 2 + draw(g, 2), memory(g));
        break;
    case 2: /* a shift by a constant */
        size_form(g, &f, 0xc0);
        f.tail = 1;
        put_code(g, f, draw(g, 2) ? 4 + draw(g, 2) : 7, memory(g));
        put(g, 1 + draw(g, 7), 1);
        define_flags(g);
        break;
    case 3: /* rotates and shifts by cl */
        size_form(g, &f, 0xd2);
        put_code(g, f, draw(g, 2), memory(g));
        define_flags(g);
        break;
    case 4: /* imul */
        put_code(g, (struct form){.map = 1, .opcode = 0xaf, .wide = true}, data_register(g),
                 memory(g));
        define_flags(g);
        break;
    case 5: /* bt, bts, btr, btc by a constant */
        f = (struct form){.map = 1, .opcode = 0xba, .tail = 1, .wide = draw(g, 2)};
        put_code(g, f, 4 + draw(g, 4), memory(g));
        put(g, draw(g, 32), 1);
        define_flags(g);
        break;
    case 6: /* setcc */
        put_code(g, (struct form){.map = 1, .opcode = (uint8_t)(0x90 | draw(g, 16))}, 0, memory(g));
        break;
    case 7: /* cmovcc */
        put_code(
            g, (struct form){.map = 1, .opcode = (uint8_t)(0x40 | draw(g, 16)), .wide = draw(g, 2)},
            data_register(g), memory(g));
        break;
    default: { /* push and pop of memory */
        struct operand from = memory(g), to = memory(g);
        if (from.place == ON_STACK || to.place == ON_STACK)
            break;
        put_code(g, (struct form){.opcode = 0xff}, 6, from);
        put_code(g, (struct form){.opcode = 0x8f}, 0, to);
        break;
    }
    }
}

static void exchanges(struct random_code *g)
{
    struct form f = {.map = 1};
    switch (draw(g, 3)) {
    case 0: /* xadd */
        size_form(g, &f, 0xc0);
        f.lock = draw(g, 2);
        put_code(g, f, data_register(g), memory(g));
        break;
    case 1: /* cmpxchg */
        if (!is_data(g, 0))
            break;
        size_form(g, &f, 0xb0);
        f.lock = draw(g, 2);
        put_code(g, f, data_register(g), memory(g));
        break;
    default:
        f.map = 0;
        size_form(g, &f, 0x86);
        put_code(g, f, data_register(g), memory(g));
        break;
    }
}

static void strings(struct random_code *g)
{
    static const uint8_t opcodes[] = {0xa4, 0xaa, 0xac, 0xa6, 0xae};
    if (!is_data(g, 1) || !is_data(g, 6) || !is_data(g, 7) || !is_data(g, 0))
        return;
    struct operand at = {.place = BY_BASE, .base = g->pointer[0], .index = 4};
    at.displacement = (int32_t)draw(g, 64);
    put_code(g, (struct form){.opcode = 0x8d, .wide = true}, 7, at);
    at.base = g->pointer[1];
    put_code(g, (struct form){.opcode = 0x8d, .wide = true}, 6, at);
    put(g, 0xb9, 1);
    put(g, draw(g, 40), 4);
    bool down = draw(g, 4) == 0;
    if (down)
        put(g, 0xfd, 1);
    if (draw(g, 3))
        put(g, draw(g, 2) ? 0xf3 : 0xf2, 1);
    struct form f = {.map = 0};
    size_form(g, &f, opcodes[draw(g, 5)]);
    if (g->at[-1] == 0xf2 && f.opcode < 0xa6) /* repne of what does not compare: nobody writes it */
        g->at[-1] = 0xf3;
    if (f.prefix)
        put(g, f.prefix, 1);
    if (f.wide)
        put(g, 0x48, 1);
    put(g, f.opcode, 1);
    if (down)
        put(g, 0xfc, 1);
    define_flags(g);
}

static void sse(struct random_code *g)
{
    static const struct form forms[] = {{.map = 1, .opcode = 0x10},
                                        {.map = 1, .opcode = 0x11}, /* movups */
                                        {.prefix = 0xf3, .map = 1, .opcode = 0x6f},
                                        {.prefix = 0xf3, .map = 1, .opcode = 0x7f},
                                        {.prefix = 0xf3, .map = 1, .opcode = 0x10},
                                        {.prefix = 0xf3, .map = 1, .opcode = 0x11},
                                        {.prefix = 0xf2, .map = 1, .opcode = 0x10},
                                        {.prefix = 0xf2, .map = 1, .opcode = 0x11},
                                        {.prefix = 0x66, .map = 1, .opcode = 0x6e},
                                        {.prefix = 0x66, .map = 1, .opcode = 0x7e},
                                        {.prefix = 0x66, .map = 1, .opcode = 0x6e, .wide = true},
                                        {.prefix = 0x66, .map = 1, .opcode = 0xd6},
                                        {.prefix = 0xf3, .map = 1, .opcode = 0x7e},
                                        {.map = 1, .opcode = 0x12},
                                        {.map = 1, .opcode = 0x13},
                                        {.map = 1, .opcode = 0x16},
                                        {.map = 1, .opcode = 0x17},
                                        {.prefix = 0x66, .map = 1, .opcode = 0x12},
                                        {.prefix = 0xf2, .map = 1, .opcode = 0x12},
                                        {.prefix = 0xf2, .map = 1, .opcode = 0xf0},
                                        {.prefix = 0xf3, .map = 1, .opcode = 0x2a},
                                        {.prefix = 0xf2, .map = 1, .opcode = 0x5a}};
    put_code(g, forms[draw(g, sizeof forms / sizeof *forms)], draw(g, 16), memory(g));
}

static void avx(struct random_code *g)
{
    struct operand o = memory(g);
    uint32_t reg = draw(g, 16);
    bool ymm = draw(g, 2);
    switch (g->avx2 ? draw(g, 7) : 9) {
    case 0:
    case 1:
        put_vex(g, (struct form){.prefix = 0xf3, .map = 1, .opcode = draw(g, 2) ? 0x6f : 0x7f}, ymm,
                reg, 0, o);
        break;
    case 2: /* vpaddd, vpxor */
        put_vex(g, (struct form){.prefix = 0x66, .map = 1, .opcode = draw(g, 2) ? 0xfe : 0xef}, ymm,
                reg, draw(g, 16), o);
        break;
    case 3: /* vpmaskmovd, vpmaskmovq */
        put_vex(
            g,
            (struct form){
                .prefix = 0x66, .map = 2, .opcode = draw(g, 2) ? 0x8c : 0x8e, .wide = draw(g, 2)},
            ymm, reg, draw(g, 16), o);
        break;
    case 4: /* vmaskmovps, vmaskmovpd */
        put_vex(g, (struct form){.prefix = 0x66, .map = 2, .opcode = (uint8_t)(0x2c + draw(g, 4))},
                ymm, reg, draw(g, 16), o);
        break;
    case 5: /* vbroadcastss, vpbroadcastd */
        put_vex(g, (struct form){.prefix = 0x66, .map = 2, .opcode = draw(g, 2) ? 0x18 : 0x58}, ymm,
                reg, 0, o);
        break;
    case 6: { /* gathers: dd, dq, qd, qq by the small numbers */
        if (o.place == BY_THREAD)
            break;
        uint32_t index = (reg + 1) & 15, mask = (reg + 2) & 15;
        struct operand small = {.place = ABSOLUTE, .index = 4};
        small.displacement = (int32_t)(CONSTANTS - (POINTER_LOW + 0x2000));
        bool wide = draw(g, 2);
        uint8_t opcode = (uint8_t)(0x90 + draw(g, 2));
        small.displacement += opcode == 0x91 ? 64 : 0;
        put_vex(g, (struct form){.prefix = 0xf3, .map = 1, .opcode = 0x6f}, true, index, 0, small);
        o.place = BY_BASE;
        o.index = index == 4 ? 4 : index;
        struct form f = {.prefix = 0x66, .map = 2, .opcode = opcode, .wide = wide};
        /* An index register 4 is ymm4 here: it needs the SIB byte that put_operand leaves out. */
        if (index == 4)
            break;
        put_vex(g, f, ymm, reg, mask, o);
        break;
    }
    default:
        break;
    }
}

static void avx512(struct random_code *g)
{
    if (!g->avx512 || !is_data(g, 0))
        return;
    struct operand o = memory(g);
    if (o.place != BY_BASE)
        return;
    o.displacement = 100000; /* a displacement of four bytes is not compressed */
    o.index = 4;
    uint32_t reg = draw(g, 16), kind = draw(g, 3);
    put(g, 0xc892f8c5, 4); /* kmovw %eax, %k1 */
    struct operand back = o;
    back.displacement = -100000; /* lea: the pointer register for a moment 100000 lower */
    struct form lea = {.opcode = 0x8d, .wide = true};
    put_code(g, lea, o.base, back);
    uint32_t bits = rex_bits(&(struct form){.map = 0}, reg, &o);
    put(g, 0x62, 1);
    put(g, ((~bits & 7) << 5) | 0x10 | (kind == 2 ? 2u : 1u), 1);
    put(g, kind == 2 ? 0x7d : 0x7e, 1);                    /* W0, vvvv none, 66 or f3 */
    put(g, 0x48 | 1, 1);                                   /* 512 bits, k1 */
    put(g, kind == 0 ? 0x6f : kind == 1 ? 0x7f : 0x8b, 1); /* vmovdqu32, vpcompressd to memory */
    struct form none = {.map = 0};
    put_operand(g, &none, reg, &o);
    put_code(g, lea, o.base, o);
}

static void instruction(struct random_code *g);

static void block(struct random_code *g, uint32_t most)
{
    for (uint32_t i = 1 + draw(g, most); i; i--)
        instruction(g);
}

static void control(struct random_code *g)
{
    if (g->depth > 1)
        return;
    g->depth++;
    switch (draw(g, 5)) {
    case 0:
    case 1: { /* jcc over a block */
        put(g, 0x800f | draw(g, 16) << 8, 2);
        uint8_t *field = g->at;
        put(g, 0, 4);
        block(g, 5);
        uint32_t over = (uint32_t)(g->at - field - 4);
        for (uint32_t i = 0; i < 4; i++)
            field[i] = (uint8_t)(over >> 8 * i);
        break;
    }
    case 2: { /* a loop; the counter is nobody else's */
        if (g->depth > 1)
            break;
        struct operand counted = {
            .place = BY_BASE, .base = g->counter, .index = 4, .displacement = 1};
        put(g, g->counter < 8 ? 0x48 : 0x49, 1); /* mov */
        put(g, 0xc7, 1);
        put(g, 0xc0 | (g->counter & 7), 1);
        put(g, draw(g, 4), 4);
        /* What comes before padding must be told from what comes behind it: lea 1(counter), counter */
        put_code(g, (struct form){.opcode = 0x8d, .wide = true}, g->counter, counted);
        uint8_t *top = g->at;
        block(g, 5);
        put_code(g, (struct form){.opcode = 0xff, .wide = true}, 1, in_register(g->counter));
        put(g, 0x850f, 2);
        put(g, (uint64_t)(top - (g->at + 4)), 4);
        break;
    }
    case 3: { /* jrcxz over a short block */
        put(g, 0xe3, 1);
        uint8_t *field = g->at++;
        put_code(g, (struct form){.opcode = 0xff}, 0, in_register(data_register(g)));
        *field = (uint8_t)(g->at - field - 1);
        break;
    }
    default:                   /* a call: direct, or by a register */
        put(g, 0x24648d48, 4); /* lea -128(%rsp), %rsp: what is below is in use */
        put(g, 0x80, 1);
        if (draw(g, 2)) {
            put(g, 0xe8, 1);
            put(g, (uint64_t)(g->leaf - (g->at + 4)), 4);
        } else {
            uint32_t name = data_register(g);
            put(g, name < 8 ? 0x48 : 0x49, 1);
            put(g, 0xb8 | (name & 7), 1);
            put(g, (uint64_t)(uintptr_t)g->leaf, 8);
            put_code(g, (struct form){.opcode = 0xff}, 2, in_register(name));
        }
        put(g, 0x24a48d48, 4); /* lea 128(%rsp), %rsp */
        put(g, 128, 4);
        define_flags(g); /* at a return they are dead */
        break;
    }
    g->depth--;
}

static void instruction(struct random_code *g)
{
    switch (draw(g, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        arithmetic(g);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        moves(g);
        break;
    case 8:
    case 9:
        one_operand(g);
        break;
    case 10:
        exchanges(g);
        break;
    case 11:
        strings(g);
        break;
    case 12:
        sse(g);
        break;
    case 13:
        avx(g);
        break;
    case 14:
        avx512(g);
        break;
    default:
        control(g);
        break;
    }
}

/* Who is what. */
static void roles(struct random_code *g)
{
    uint8_t names[15], count = 0;
    for (uint8_t i = 0; i < 16; i++)
        if (i != 4)
            names[count++] = i;
    for (uint32_t i = 14; i > 0; i--) {
        uint32_t k = draw(g, i + 1);
        uint8_t swap = names[i];
        names[i] = names[k];
        names[k] = swap;
    }
    for (uint32_t i = 0; i < 3; i++)
        g->pointer[i] = names[i];
    g->index[0] = names[3];
    g->index[1] = names[4];
    g->counter = names[5];
    g->data = 0;
    for (uint32_t i = 6; i < 15; i++)
        g->data |= (uint16_t)(1u << names[i]);
}

/* Mostly: of its stack, from somewhere on, and of its thread's variables. */
static void take_addresses(struct random_code *g)
{
    struct operand o = {.place = ON_STACK, .index = 4};
    o.displacement = -100 + 4 * (int32_t)draw(g, 8);
    if (draw(g, 4))
        put_code(g, (struct form){.opcode = 0x8d, .wide = true}, data_register(g), o);
    o = (struct operand){.place = BY_THREAD, .index = 4};
    if (draw(g, 4))
        put_code(g, (struct form){.opcode = 0x8b, .wide = true}, data_register(g), o);
}

/* A function at g->at, and before it the leaf it may call. Returns where it starts. */
static uint8_t *random_function(struct random_code *g)
{
    roles(g);
    g->leaf = g->at;
    g->depth = LEAF;
    define_flags(g);
    block(g, 4);
    put(g, 0xc3, 1);
    uint8_t *start = g->at;
    g->depth = 0;
    take_addresses(g);
    define_flags(g);
    block(g, 24);
    /* What the flags are at the end: into memory. */
    for (uint32_t condition = 0; condition < 16; condition += 2) {
        struct operand o = {.place = BY_BASE, .base = g->pointer[0], .index = 4};
        o.displacement = 200 + (int32_t)condition;
        put_code(g, (struct form){.map = 1, .opcode = (uint8_t)(0x90 | condition)}, 0, o);
    }
    put(g, 0xc3, 1);
    return start;
}

#endif
