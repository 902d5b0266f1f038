/*
 * Loops. How fast the copy of a short one runs depends on where its lines of code begin: a matrix product took 0.20 to 0.36 s
 * as its inner loop came to lie elsewhere. So the heads of innermost loops begin at a multiple of PATCH_HEAD_ALIGN; what
 * lies before them is passed once, when the loop is entered.
 */
#include "shim/patch_emit.h"

#include "shim/banned.h"
#include "shim/patch_encode.h"

bool patch_turns_back(const struct patch_image *image, const struct patch_function *function,
                      const struct patch_instruction *in)
{
    return (in->flow == FLOW_BRANCH || in->flow == FLOW_LOOP || in->flow == FLOW_JUMP) &&
           in->target <= in->offset && in->target >= function->start &&
           image_marked(image, in->target, MARK_START);
}

/* Loops without a call and without a loop in them. */
void patch_heads_choose(struct patch_image *image, struct patch_function *function)
{
    struct patch_instruction *all = image->instructions;
    for (uint32_t i = function->first; i < function->last; i++)
        all[i].head = false;
    for (uint32_t i = function->first; i < function->last; i++) {
        if (!patch_turns_back(image, function, &all[i]))
            continue;
        uint32_t first = image->number[all[i].target];
        bool innermost = true;
        for (uint32_t k = first; k < i && innermost; k++)
            innermost = !flow_calls(all[k].flow) && !patch_turns_back(image, function, &all[k]);
        all[first].head |= innermost;
    }
}

void patch_emit_padding(struct emitter *e)
{
    static const char *const nops[] = {
        "",
        "\x90",
        "\x66\x90",
        "\x0f\x1f\x00",
        "\x0f\x1f\x40\x00",
        "\x0f\x1f\x44\x00\x00",
        "\x66\x0f\x1f\x44\x00\x00",
        "\x0f\x1f\x80\x00\x00\x00\x00",
        "\x0f\x1f\x84\x00\x00\x00\x00\x00",
        "\x66\x0f\x1f\x84\x00\x00\x00\x00\x00",
    };
    uint32_t left = -offset_now(e) % PATCH_HEAD_ALIGN;
    while (left) {
        uint32_t length = left < 9 ? left : 9;
        bytes(e, nops[length], length);
        left -= length;
    }
}
