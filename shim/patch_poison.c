/*
 * A test of what patch_live.c says: with patch_poison=1, 2, ... all that is dead before an instruction is overwritten there,
 * in each copy, not only what a check happens to use. Who does need it then computes something else at once.
 */
#include "shim/patch_encode.h"

#include "shim/banned.h"
#include "shim/options.h"

/* What a byte that is 1 is compared with: no flag; ZF and PF; CF, SF and OF; CF, PF, AF and SF. */
static const uint8_t compared_with[] = {0x00, 0x01, 0x81, 0x02};

/* Which of them, and which numbers: so that each bit is another one sooner or later. None is an address. */
static uint64_t chance(const struct patch_instruction *in)
{
    uint64_t value = (in->offset + 1) * UINT64_C(0x9e3779b97f4a7c15) +
                     shim_options.patch_poison * UINT64_C(0xbf58476d1ce4e5b9);
    return value ^ value >> 29;
}

void patch_emit_poison(struct emitter *e, const struct patch_instruction *in)
{
    uint64_t value = chance(in);
    for (uint32_t i = 0; i < PATCH_REGISTERS; i++) {
        if (in->live >> i & 1)
            continue;
        rex(e, true, 0, 0, i, true);
        byte(e, 0xb8 | (i & 7));
        number(e, ((value * (2 * i + 1)) & ~(UINT64_C(1) << 63)) | UINT64_C(1) << 62, 8);
    }
    if (in->live & PATCH_FLAGS)
        return;
    byte(e, 0x64); /* cmpb $.., ones[0], which is 1 */
    with_memory(e, 0x80, false, 7, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, THREAD(ones[0]));
    byte(e, compared_with[value >> 60 & 3]);
}
