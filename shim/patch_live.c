/*
 * What is live: a check may use registers and flags whose values nobody will read. Backwards over each function, with as
 * few assumptions on what others do as real code allows (gcc's -fipa-ra, assembly with conventions of its own):
 *   before a direct call everything is live, r11 too (OpenSSL's P-256 has it for an argument) unless the call is to another
 *   module, on whose way the dynamic linker destroys it (a caller may know that the callee leaves it alone, so it is live
 *   if it is after the call); the flags are dead if the callee's first instructions say so, or there;
 *   before an indirect call or jump everything is live; so it is at the end of a function that another follows;
 *   where an instruction may fault, what the landing pads need: a signal's handler may throw (-fnon-call-exceptions, Ada, Go);
 *   in a loop that may have no end what the convention has a function keep, for whom the handler throws to;
 *   at a return all registers are live, the flags only in functions that make the carry flag a result, or whose callers ask.
 */
#include "shim/patch_code.h"

#include "shim/banned.h"

#define R11         (1u << 11)
#define CALLEE_KEPT 0xf028u /* rbx, rbp, r12 to r15 */
#define REGISTERS   0xffffu
#define ROUNDS      40u /* backward passes; what has not settled then is taken to be all live */
#define CALLEE_LOOK 12u /* instructions of a callee looked at */

/* 1: it sets all flags, 0: it reads them or goes elsewhere, -1: neither. */
static int flags_by(const struct patch_instruction *in)
{
    if (in->bits & INSTRUCTION_READS_FLAGS)
        return 0;
    if (in->bits & INSTRUCTION_WRITES_FLAGS)
        return 1;
    return in->flow != FLOW_NEXT ? 0 : -1;
}

/* In a function that is not being copied now. */
static bool flags_dead_far(const struct patch_image *image, uint32_t offset)
{
    int dead = -1;
    for (uint32_t i = 0; i < CALLEE_LOOK && dead < 0 && offset < image->size; i++) {
        struct patch_instruction in;
        uint64_t value;
        if (!patch_decode(image->bytes + offset, image->size - offset,
                          (uintptr_t)image->text + offset, &in, &value))
            return false;
        dead = flags_by(&in);
        offset += in.length;
    }
    return dead > 0;
}

/* Does it lead to another module, by the PLT? */
static bool leads_out(const struct patch_image *image, uint32_t offset)
{
    if (offset == PATCH_NOWHERE)
        return true;
    const uint8_t *code = image->bytes + offset;
    if (image_marked(image, offset, MARK_START))
        return false;
    if (code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e)
        code += 4;
    code += code[0] == 0xf2;
    return code[0] == 0xff && code[1] == 0x25;
}

/* Does the code at `offset` set all flags before it reads any? */
static bool flags_dead_at(const struct patch_image *image, uint32_t offset)
{
    if (leads_out(image, offset))
        return true;
    if (!image_marked(image, offset, MARK_START))
        return false;
    if (image->lazy && !image_function(image, offset))
        return flags_dead_far(image, offset);
    const struct patch_instruction *in = &image->instructions[image->number[offset]];
    const struct patch_instruction *end = image->instructions + image->instruction_count;
    int dead = -1;
    for (uint32_t i = 0; i < CALLEE_LOOK && dead < 0 && in < end; i++, in++)
        dead = flags_by(in);
    return dead > 0;
}

static uint32_t live_at_target(const struct patch_image *image,
                               const struct patch_function *function,
                               const struct patch_instruction *in)
{
    if (in->target == PATCH_NOWHERE || !image_marked(image, in->target, MARK_START))
        return PATCH_ALL;
    if (in->target < function->start || in->target >= function->end)
        return flags_dead_at(image, in->target) ? REGISTERS : PATCH_ALL;
    return image->instructions[image->number[in->target]].live;
}

/* A loop without an end has a jump back: a signal's handler may leave it for who called the function. */
static uint32_t kept_by_loop(const struct patch_function *function,
                             const struct patch_instruction *in)
{
    return in->target >= function->start && in->target <= in->offset ? CALLEE_KEPT : 0;
}

static uint32_t live_after(const struct patch_image *image, const struct patch_function *function,
                           const struct patch_instruction *in, uint32_t next)
{
    switch ((enum patch_flow)in->flow) {
    case FLOW_NEXT:
        return next;
    case FLOW_BRANCH:
    case FLOW_LOOP:
        return next | live_at_target(image, function, in);
    case FLOW_JUMP:
        return live_at_target(image, function, in) | kept_by_loop(function, in);
    case FLOW_CALL:
        return ((flags_dead_at(image, in->target) ? REGISTERS : PATCH_ALL) &
                ~(leads_out(image, in->target) ? R11 : 0)) |
               (next & R11);
    case FLOW_RETURN:
        return function->carry ? PATCH_ALL : REGISTERS;
    case FLOW_JUMP_INDIRECT:
    case FLOW_CALL_INDIRECT:
    case FLOW_TRAP:
        return PATCH_ALL;
    }
    return PATCH_ALL;
}

struct pads {
    const struct patch_image *image;
    uint32_t live;
};

static void pad_live(void *data, uintptr_t address)
{
    struct pads *pads = data;
    const struct patch_image *image = pads->image;
    uint32_t offset = image_offset(image, address);
    bool known = offset != PATCH_NOWHERE && image_marked(image, offset, MARK_START) &&
                 image_function(image, offset);
    pads->live |= known ? image->instructions[image->number[offset]].live : PATCH_ALL;
}

/* What the landing pads of a function need of what the unwinder gives back to it. */
static uint32_t live_at_pads(const struct patch_image *image, const struct patch_function *function)
{
    struct pads pads = {image, 0};
    patch_landing_pads(image, function, pad_live, &pads);
    return pads.live & CALLEE_KEPT;
}

void patch_live(struct patch_image *image, struct patch_function *function)
{
    struct patch_instruction *first = image->instructions + function->first;
    struct patch_instruction *last = image->instructions + function->last;
    bool changed = true, back = function->landing != 0;
    for (uint32_t round = 0; changed && round < ROUNDS; round++) {
        changed = false;
        uint32_t next = PATCH_ALL, at_pads = live_at_pads(image, function);
        for (struct patch_instruction *in = last; in-- > first;) {
            uint32_t live = live_after(image, function, in, next);
            live &=
                ~((uint32_t)in->writes | (in->bits & INSTRUCTION_WRITES_FLAGS ? PATCH_FLAGS : 0));
            live |= in->reads | (in->bits & INSTRUCTION_READS_FLAGS ? PATCH_FLAGS : 0) |
                    1u << PATCH_RSP | at_pads;
            back |= in->target != PATCH_NOWHERE && in->flow != FLOW_NEXT &&
                    in->target <= in->offset && in->target >= function->start;
            if (live != in->live) {
                in->live = live;
                changed = true;
            }
            next = live;
        }
        if (!back) /* without loops one pass is all */
            return;
    }
    for (struct patch_instruction *in = first; changed && in < last; in++)
        in->live = PATCH_ALL;
}
