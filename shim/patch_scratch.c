/* Which registers a check computes in, and what it has to spill for them. */
#include "shim/patch_emit.h"

#include "shim/banned.h"
#include "shim/patch_encode.h"

#define VICTIM_LOOK 16u /* instructions looked at for who reads a register soon */

/* Where control goes most likely: a loop is gone round again. NULL: it is not known. */
static const struct patch_instruction *likely_next(const struct emitter *e,
                                                   const struct patch_instruction *in)
{
    bool back = in->target <= in->offset && in->target >= e->function;
    if (in->flow == FLOW_JUMP || (in->flow == FLOW_BRANCH && back)) {
        if (in->target < e->function || in->target > e->last[-1].offset ||
            !(e->image->marks[in->target] & MARK_START))
            return NULL;
        return e->image->instructions + e->image->number[in->target];
    }
    return in->flow == FLOW_NEXT || in->flow == FLOW_BRANCH ? in + 1 : NULL;
}

/*
 * A register for a check: a dead one, else a live one that checks before did not take, whose value was there long ago, and
 * that the code reads last: what is spilled comes back from memory five cycles after it is known, and nobody is to wait
 * for it.
 */
static uint32_t choose_one(struct emitter *e, const struct patch_instruction *in, uint32_t used)
{
    uint32_t found = scratch_register(in->live, used);
    if (!(in->live >> found & 1))
        return found;
    uint32_t left = 0xffffu & ~used & ~e->taken, new = 0;
    if (!left) {
        e->taken = 0;
        left = 0xffffu & ~used;
    }
    for (uint32_t i = 1; i <= VICTIM_LOOK && i <= in - e->first; i++)
        new |= in[-(int)i].changes;
    if (left & ~new)
        left &= ~new;
    for (uint32_t i = 0; i < VICTIM_LOOK && in && in < e->last; i++) {
        if (!(left & ~in->reads))
            break;
        left &= ~(uint32_t)in->reads;
        in = likely_next(e, in);
    }
    found = scratch_register(0, ~left);
    e->taken |= 1u << found;
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
