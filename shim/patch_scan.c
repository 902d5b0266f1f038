/*
 * A quick look at one instruction: how long it is, where control goes, what address it names. Enough to find all entries
 * of a module and to divert them (patch_lazy.c); what an access is and what is live is decoded only when a function is
 * first called. An eighth of the time Zydis takes.
 *
 * Invariant: what is accepted here has the length, the branch target and the address that patch_decode() finds; that an
 * instruction needs no check is said only where that is so. Whatever is rare, or not the same in all its forms (x87, LOCK,
 * EVEX, system instructions), is not accepted, and patch_decode() is asked.
 */
#include "shim/patch_scan.h"

#include "shim/banned.h"

/* What follows an opcode, as bits and as letters of the tables below. */
#define M 1u  /* ModRM */
#define B 2u  /* one byte */
#define Z 4u  /* four bytes; two with an operand-size prefix */
#define R 8u  /* a branch: one byte of distance, with Z four */
#define S 16u /* a string operation */
#define N 32u /* no access, whatever the operand */
#define X 64u /* not accepted here */

static const uint8_t letters[128] = {
    ['.'] = 0, ['M'] = M,     ['B'] = B, ['Z'] = Z,     ['b'] = M | B, ['z'] = M | Z,
    ['r'] = R, ['R'] = R | Z, ['S'] = S, ['N'] = M | N, ['-'] = X};

static const char one_byte[] = "MMMMBZ--MMMMBZ--" /* 0 */
                               "MMMMBZ--MMMMBZ--" /* 1 */
                               "MMMMBZ--MMMMBZ--" /* 2 */
                               "MMMMBZ--MMMMBZ--" /* 3 */
                               "----------------" /* 4 */
                               "................" /* 5 */
                               "---M----ZzBb----" /* 6 */
                               "rrrrrrrrrrrrrrrr" /* 7 */
                               "bz-bMMMMMMMM-N-M" /* 8 */
                               "..........-....." /* 9 */
                               "----SSSSBZSSSSSS" /* a */
                               "BBBBBBBBZZZZZZZZ" /* b */
                               "bb-.--bz-.--.---" /* c */
                               "MMMM------------" /* d */
                               "--------RR-r----" /* e */
                               "------MM------MM" /* f */;

static const char two_bytes[] = "----------------" /* 0 */
                                "MMMMMMMMNN--NNNN" /* 1 */
                                "--------MMMMMMMM" /* 2 */
                                "----------------" /* 3 */
                                "MMMMMMMMMMMMMMMM" /* 4 */
                                "MMMMMMMMMMMMMMMM" /* 5 */
                                "MMMMMMMMMMMMMMMM" /* 6 */
                                "b---MMM-----MMMM" /* 7 */
                                "RRRRRRRRRRRRRRRR" /* 8 */
                                "MMMMMMMMMMMMMMMM" /* 9 */
                                "---MbM-----MbM-M" /* a */
                                "MM-M--MM--bMMMMM" /* b */
                                "MMbMbbb-........" /* c */
                                "MMMMMMMMMMMMMMMM" /* d */
                                "MMMMMMMMMMMMMMMM" /* e */
                                "MMMMMMM-MMMMMMM-" /* f */;

struct scan {
    const uint8_t *at, *end;
    uint32_t rex, opcode, map;
    uint32_t reg, rm;         /* registers that ModRM names */
    bool narrow, far, repeat; /* prefixes: operand size, fs or gs, repne or rep */
};

static inline uint64_t signed_bytes(const uint8_t *from, uint32_t count)
{
    int64_t eight;
    int32_t four;
    int16_t two;
    switch (count) {
    case 1:
        return (uint64_t)(int8_t)*from;
    case 2:
        __builtin_memcpy(&two, from, 2);
        return (uint64_t)two;
    case 4:
        __builtin_memcpy(&four, from, 4);
        return (uint64_t)four;
    case 8:
        __builtin_memcpy(&eight, from, 8);
        return (uint64_t)eight;
    default:
        return 0;
    }
}

/* Up to and with the opcode; its attributes, or X. */
static uint32_t opcode_of(struct scan *s)
{
    for (;; s->at++) {
        if (s->at >= s->end)
            return X;
        uint32_t byte = *s->at;
        if (byte == 0x66)
            s->narrow = true;
        else if (byte == 0x64 || byte == 0x65)
            s->far = true;
        else if (byte == 0xf2 || byte == 0xf3)
            s->repeat = true;
        else if (byte != 0x2e && byte != 0x3e)
            break;
    }
    const uint8_t *first = s->at;
    if ((*s->at & 0xf0) == 0x40)
        s->rex = *s->at++;
    if (s->end - s->at < 4)
        return X;
    s->opcode = *s->at++;
    if (s->opcode == 0xc5 || s->opcode == 0xc4) { /* VEX */
        if (s->rex || s->narrow || s->repeat || s->far)
            return X;
        s->map = 1;
        s->rex = 0x40 | (s->at[0] & 0x80 ? 0 : 4u);
        if (s->opcode == 0xc4) {
            s->map = s->at[0] & 31u;
            s->rex = 0x40 | (~(uint32_t)s->at[0] >> 5 & 7);
            s->at++;
        }
        s->opcode = s->at[1];
        s->at += 2;
        if (s->map == 2)
            return M;
        if (s->map == 3)
            return M | B;
        bool known = (s->opcode >= 0x10 && s->opcode < 0x18) ||
                     (s->opcode >= 0x28 && s->opcode < 0x30) || s->opcode >= 0xd0 ||
                     (s->opcode >= 0x50 && s->opcode < 0x71) ||
                     (s->opcode >= 0x74 && s->opcode < 0x80) || s->opcode == 0xc2 ||
                     (s->opcode >= 0xc4 && s->opcode < 0xc7);
        if (s->map == 1 && s->opcode == 0x77)
            return 0;
        return s->map == 1 && known ? letters[(uint8_t)two_bytes[s->opcode]] : X;
    }
    if (s->opcode != 0x0f)
        return s->at - first > 1 && (s->opcode & 0xf0) == 0x40
                   ? X
                   : letters[(uint8_t)one_byte[s->opcode]];
    s->map = 1;
    s->opcode = *s->at++;
    if (s->opcode == 0x38 || s->opcode == 0x3a) {
        s->map = s->opcode == 0x38 ? 2 : 3;
        s->opcode = *s->at++;
        return s->map == 3 ? M | B : s->opcode >= 0xf2 ? X : M;
    }
    return letters[(uint8_t)two_bytes[s->opcode]];
}

/* ModRM and what it asks for. False: not accepted. */
static bool operand_of(struct scan *s, const uint8_t *code, uint32_t attributes,
                       struct patch_instruction *in)
{
    if (s->at >= s->end)
        return false;
    uint32_t modrm = *s->at++, mode = modrm >> 6, name = modrm & 7;
    s->reg = (modrm >> 3 & 7) | (s->rex << 1 & 8);
    s->rm = mode == 3 ? name | (s->rex << 3 & 8) : PATCH_NO_REGISTER;
    if (mode == 3)
        return true;
    uint32_t bytes = mode == 1 ? 1 : mode == 2 ? 4u : 0;
    if (name == 4) {
        if (s->at >= s->end)
            return false;
        uint32_t sib = *s->at++, index = (sib >> 3 & 7) | (s->rex << 2 & 8);
        in->scale = (uint8_t)(1u << (sib >> 6));
        in->index = (uint8_t)(index == 4 ? PATCH_NO_REGISTER : index);
        in->base = (uint8_t)((sib & 7) | (s->rex << 3 & 8));
        if ((sib & 7) == 5 && mode == 0) {
            in->base = PATCH_NO_REGISTER;
            bytes = 4;
        }
    } else if (name == 5 && mode == 0) {
        in->bits |= INSTRUCTION_RELATIVE;
        bytes = 4;
    } else {
        in->base = (uint8_t)(name | (s->rex << 3 & 8));
    }
    if ((size_t)(s->end - s->at) < bytes)
        return false;
    in->displacement = (int64_t)signed_bytes(s->at, bytes);
    in->displacement_at = (uint8_t)(s->at - code);
    s->at += bytes;
    bool locked = !s->map && (s->opcode & 0xfe) == 0x86; /* xchg */
    in->local = s->far;
    if (!(attributes & N))
        in->memory = locked                  ? MEMORY_CHECKED
                     : s->far                ? MEMORY_THREAD
                     : in->base == PATCH_RSP ? MEMORY_STACK
                                             : MEMORY_CHECKED;
    return true;
}

/* The groups whose ModRM says which instruction it is. */
static bool group_of(const struct scan *s, uint32_t *attributes, struct patch_instruction *in)
{
    if (s->map)
        return s->opcode != 0xba || *s->at >= 0xe0 || (*s->at >> 3 & 7) >= 4;
    uint32_t modrm = *s->at, which = modrm >> 3 & 7;
    switch (s->opcode) {
    case 0x8d:
        if (modrm >> 6 == 3)
            return false;
        if ((modrm & 0xc7) == 5)
            in->trait = TRAIT_LEA_RIP;
        return true;
    case 0x8f:
    case 0xc6:
    case 0xc7:
        return which == 0;
    case 0xf6:
        *attributes |= which < 2 ? B : 0u;
        return true;
    case 0xf7:
        *attributes |= which < 2 ? Z : 0u;
        return true;
    case 0xfe:
        return which < 2;
    case 0xff:
        if (which == 2)
            in->flow = FLOW_CALL_INDIRECT;
        if (which == 4)
            in->flow = FLOW_JUMP_INDIRECT;
        return which != 3 && which != 5 && which != 7;
    case 0x01:
    case 0x03:
    case 0x29:
    case 0x2b:
        if (s->rex & 8 && (modrm >> 6 == 3 || s->opcode & 2))
            in->trait = modrm >> 6 == 3 && s->opcode < 8 ? TRAIT_ADD : TRAIT_SUM;
        return true;
    default:
        return true;
    }
}

/* lea off rsp or rbp, or of a sum, or mov of rsp, but to rsp. */
static uint8_t address_trait(const struct scan *s, const struct patch_instruction *in)
{
    if (s->map)
        return in->trait;
    if (s->opcode == 0x8d) {
        if (s->reg == PATCH_RSP)
            return in->trait;
        return in->base == PATCH_RSP || in->base == PATCH_RBP ? TRAIT_ADDRESS
               : in->index != PATCH_NO_REGISTER && s->rex & 8 ? TRAIT_SUM
                                                              : in->trait;
    }
    bool to = s->opcode == 0x89 && s->reg == PATCH_RSP,
         from = s->opcode == 0x8b && s->rm == PATCH_RSP;
    if (!(s->rex & 8) || !(to || from))
        return in->trait;
    return (to ? s->rm : s->reg) == PATCH_RBP ? TRAIT_FRAME : TRAIT_ADDRESS;
}

static void flow_of_opcode(const struct scan *s, uint32_t attributes, struct patch_instruction *in)
{
    if (attributes & S)
        in->memory = MEMORY_STRING;
    if (attributes & R)
        in->flow = s->map || (s->opcode & 0xf0) == 0x70 ? FLOW_BRANCH
                   : s->opcode == 0xe8                  ? FLOW_CALL
                                                        : FLOW_JUMP;
    else if (!s->map && s->opcode == 0xc3)
        in->flow = FLOW_RETURN;
    else if (!s->map && s->opcode == 0xcc)
        in->flow = FLOW_TRAP;
}

/* False: not accepted. 16 bytes at `code` may be read. */
static bool glance(const uint8_t *code, uintptr_t address, struct patch_instruction *in,
                   uint64_t *value)
{
    struct scan s = {.at = code, .end = code + 15};
    uint32_t attributes = opcode_of(&s);
    *in = (struct patch_instruction){
        .target = PATCH_NOWHERE, .base = PATCH_NO_REGISTER, .index = PATCH_NO_REGISTER};
    *value = 0;
    if (attributes & X || (attributes & R && (s.narrow || s.far)) ||
        (attributes & M &&
         !(group_of(&s, &attributes, in) && operand_of(&s, code, attributes, in))))
        return false;
    if (attributes & M)
        in->trait = address_trait(&s, in);
    flow_of_opcode(&s, attributes, in);
    uint32_t bytes = attributes & Z         ? s.narrow && !(s.rex & 8) ? 2 : 4
                     : attributes & (B | R) ? 1
                                            : 0;
    if (!s.map && (s.opcode & 0xf8) == 0xb8 && s.rex & 8)
        bytes = 8;
    if ((size_t)(s.end - s.at) < bytes)
        return false;
    if (bytes)
        *value = signed_bytes(s.at, bytes);
    s.at += bytes;
    in->length = (uint8_t)(s.at - code);
    if (attributes & R)
        *value += address + in->length;
    if (in->bits & INSTRUCTION_RELATIVE)
        in->displacement += (int64_t)(address + in->length);
    if (s.map == 1 && s.opcode == 0x1e && s.repeat && s.at[-1] == 0xfa)
        in->trait = TRAIT_ENDBR;
    else if (s.map == 1 ? s.opcode == 0x1f : !s.map && s.opcode == 0x90 && !s.rex && !s.repeat)
        in->trait = TRAIT_NOP;
    return true;
}

bool patch_scan(const uint8_t *code, size_t room, uintptr_t address, struct patch_instruction *in,
                uint64_t *value)
{
    uint8_t last[16] = {0}; /* of a function: whatever follows may not be read */
    const uint8_t *bytes = code;
    if (room < sizeof last) {
        for (size_t i = 0; i < room; i++)
            last[i] = code[i];
        bytes = last;
    }
    return (glance(bytes, address, in, value) && in->length <= room) ||
           patch_decode(code, room, address, in, value);
}
