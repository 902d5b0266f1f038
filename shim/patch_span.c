/*
 * Checks that begin with two comparisons. A loop that walks through memory over and over (the factors of a matrix product,
 * an array that is merged again) meets stretches of which the filter knows all:
 *
 *     cmp  %fs:high, base; jae rest       rest: the whole check, a piece behind the function
 *     cmp  %fs:low, base; jb rest         with an index: lea to a register first
 *
 * A thread's *span* is between which addresses the filter need not be asked about the accesses of a site; what is compared
 * is the base, so it is a displacement below them. Where the test finds bytes known that lie outside, `left` counts down,
 * and now and then C is asked for a span around them (access_span.c).
 *
 * Who is outside pays for it. So only loops without branches have spans, and there only what does not go where data lead
 * (a table of how often each symbol comes: some of its lines are known as wholes, some are not). (With spans in all loops without
 * calls the byte-wise matcher of the bench took 1.3 times as long and lbzip2 1.15; a pigz, 38 % of whose checks lie in spans
 * then, gained nothing.)
 */
#include "shim/patch_emit.h"

#include "shim/access_state.h"
#include "shim/banned.h"
#include "shim/patch_encode.h"

/* ---- which checks ---- */

void patch_span_choose(struct patch_instruction *in)
{
    bool may = patch_may_compare(in) && !in->word && !in->span &&
               (in->index == PATCH_NO_REGISTER ? in->base != PATCH_NO_REGISTER : patch_has_bmi2);
    if (may && patch_span_count < PATCH_SPANS)
        in->span = (uint16_t)++patch_span_count;
}

/* ---- their code ---- */

#define HIGH(span) \
    (patch_spans_offset + (int32_t)offsetof(struct patch_spans, high) + 8 * ((span)-1))
#define LOW(span) (patch_spans_offset + (int32_t)offsetof(struct patch_spans, low) + 8 * ((span)-1))
#define LEFT(span) \
    (patch_spans_offset + (int32_t)offsetof(struct patch_spans, left) + 4 * ((span)-1))

void patch_emit_span_test(struct emitter *e, struct check *check)
{
    const struct patch_instruction *in = check->in;
    uint32_t compared = in->base;
    if (in->index != PATCH_NO_REGISTER) {
        compared = check->a;
        check->addressed = true;
        if (check->spill_a)
            with_thread(e, STORE, true, compared, THREAD(spill_a));
        effective_address(e, in, compared, false);
    }
    with_thread(e, CMP, true, compared, HIGH(in->span));
    check->to_rest[0] = jump_forward(e, IF_NO_CARRY);
    with_thread(e, CMP, true, compared, LOW(in->span));
    check->to_rest[1] = jump_forward(e, IF_CARRY);
    if (check->addressed && check->spill_a)
        with_thread(e, LOAD, true, compared, THREAD(spill_a));
    check->resume = offset_now(e);
}

void patch_emit_span_count(struct emitter *e, struct check *check)
{
    byte(e, 0x64); /* decl left; js */
    with_memory(e, 0xff, false, 1, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, LEFT(check->in->span));
    check->to_span = jump_forward(e, IF_SIGN);
}
