/* Which registers a check computes in, and what it has to spill for them. */
#include "shim/patch_emit.h"

#include "shim/banned.h"
#include "shim/patch_encode.h"

/* Where so many instructions lie between who stores and who reads, nobody waits for what comes back from memory. */
#define FAR_APART   40u
#define CHECK_TAKES 11u /* instructions of a check */
#define RETURN_LOOK 16u /* instructions in front of a return */

static const struct patch_instruction *target_of(const struct emitter *e,
                                                 const struct patch_instruction *in)
{
    if (in->target < e->function || in->target > e->last[-1].offset ||
        !image_marked(e->image, in->target, MARK_START))
        return NULL;
    return e->image->instructions + e->image->number[in->target];
}

/* Does straight code from here on return? */
static bool returns(const struct emitter *e, const struct patch_instruction *in)
{
    uint32_t left = RETURN_LOOK;
    while (in < e->last && in->flow == FLOW_NEXT && left--)
        in++;
    return in < e->last && in->flow == FLOW_RETURN;
}

/* Where control goes most likely: a loop is gone round again. NULL: it is not known. */
static const struct patch_instruction *likely_next(const struct emitter *e,
                                                   const struct patch_instruction *in)
{
    if (in->flow == FLOW_JUMP)
        return target_of(e, in);
    if (in->flow == FLOW_BRANCH && in->target <= in->offset) {
        const struct patch_instruction *target = target_of(e, in);
        if (target && !returns(e, target))
            return target;
    }
    return in->flow == FLOW_NEXT || in->flow == FLOW_BRANCH ? in + 1 : NULL;
}

static uint32_t takes(const struct patch_instruction *in)
{
    return 1 + (instruction_checked(in) ? CHECK_TAKES : 0);
}

/* Adds before how many instructions each register was changed, or spilled. */
static void look_back(const struct emitter *e, const struct patch_instruction *in, uint32_t *apart)
{
    for (uint32_t i = 0; i < PATCH_REGISTERS; i++)
        apart[i] += FAR_APART;
    uint32_t left = 0xffffu;
    for (uint32_t distance = 0; distance < FAR_APART && in-- > e->first; distance += takes(in))
        for (uint32_t i = 0; i < PATCH_REGISTERS; i++)
            if (left >> i & 1 && (in->changes >> i & 1 || e->spilled[i] == in)) {
                apart[i] -= FAR_APART - distance;
                left &= ~(1u << i);
            }
}

/* Adds after how many it is read, along the likely way. */
static void look_ahead(const struct emitter *e, const struct patch_instruction *in, uint32_t *apart)
{
    for (uint32_t i = 0; i < PATCH_REGISTERS; i++)
        apart[i] += FAR_APART;
    uint32_t left = 0xffffu;
    for (uint32_t distance = 0; distance < FAR_APART && in && in < e->last;) {
        for (uint32_t reads = in->reads & left; reads; reads &= reads - 1)
            apart[__builtin_ctz(reads)] -= FAR_APART - distance;
        left &= ~((uint32_t)in->reads | in->writes);
        in = likely_next(e, in);
        distance += in && in < e->last ? takes(in) : 1;
    }
}

/*
 * A register for a check: a dead one, else a live one whose value was there long ago, and that the code reads late. What is
 * spilled comes back from memory some eight cycles after it is known, and nobody is to wait for it, be it the program or
 * another check that spills the same.
 */
static uint32_t choose_one(struct emitter *e, const struct patch_instruction *in, uint32_t used)
{
    uint32_t found = scratch_register(in->live, used), most = 0;
    if (!(in->live >> found & 1))
        return found;
    uint32_t apart[PATCH_REGISTERS] = {0};
    look_back(e, in, apart);
    look_ahead(e, in, apart);
    for (uint32_t i = 0; i < sizeof scratch; i++)
        if (!(used >> scratch[i] & 1) && apart[scratch[i]] > most)
            most = apart[found = scratch[i]];
    e->spilled[found] = in;
    return found;
}

void patch_emit_choose(struct emitter *e, struct check *check, const struct patch_instruction *in)
{
    uint32_t used = operand_registers(in), live = in->live;
    *check = (struct check){.in = in, .flags = live & PATCH_FLAGS};
    bool shift_by_rcx = !patch_has_bmi2;
    if (shift_by_rcx)
        check->a = RCX;
    else if (check->flags && !(used & 1u << RAX))
        check->a = RAX; /* it is saved for lahf anyway */
    else
        check->a = (uint8_t)choose_one(e, in, used | (check->flags ? 1u << RAX : 0));
    used |= 1u << check->a | (check->flags ? 1u << RAX : 0);
    check->b = (uint8_t)choose_one(e, in, used);
    check->spill_a = live >> check->a & 1 && !(check->flags && check->a == RAX);
    check->spill_b = live >> check->b & 1;
    check->spill_rax = check->flags && live >> RAX & 1;
    /* Without BMI2 the address may need rcx itself, which is overwritten. */
    check->store_address = operand_registers(in) >> check->a & 1;
}
