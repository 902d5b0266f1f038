/*
 * Checks that begin with a comparison. Where the base register of an access mostly is what it was the last time (the fields
 * of one struct: half of the checks of pigz and of xz), two instructions and no register are enough:
 *
 *     cmp  %fs:word, base; jne to the rest of the check, a piece behind the function
 *
 * A thread's word is a base with which its filter knows the bytes, of all sites with the same displacement, size and kind.
 * The check itself sets it, before it looks into the filter, and makes it 0 before it calls C. It may stay where bytes of
 * the line are new and the copy adds them.
 *
 * Invariant: bytes that a word stands for have been recorded in the present generation, and none is marked; or the check
 * that set it is still under way, in this thread. So whatever begins a generation or forgets a line makes all words 0
 * (access_words_renew(), patch_words_forget()), for all threads where it concerns all (forget.c), and so does a signal,
 * whose handler may run the very check that it has interrupted. Words are only set in segments that are gathered: short
 * ones would clear them more often than they help. Where membarrier(2) is not to be had there are none.
 */
#include "shim/patch_emit.h"

#include "shim/banned.h"
#include "shim/mark.h"
#include "shim/options.h"
#include "shim/patch_encode.h"

#define CALLER_SAVED 0x0fc7u /* rax, rcx, rdx, rsi, rdi, r8 to r11 */
#define NOT_YET      0xffffu

/* What the sites of each word have in common, but words[0]. Under the patching lock. */
static uint64_t keys[PATCH_WORDS];
static uint32_t key_count = 1;

/* ---- which checks ---- */

/* By register, too, as long as there is room: then bases that take turns do not share one. */
static uint32_t word_of(const struct patch_instruction *in)
{
    uint64_t key = (uint64_t)(uint32_t)in->displacement << 32 | (uint64_t)in->size << 16 |
                   (in->bits & INSTRUCTION_WRITES ? 256u : 0u) | (in->base + 1u);
    uint32_t word = 0;
    for (uint32_t i = 1; i < key_count; i++) {
        if (keys[i] == key)
            return i;
        if ((keys[i] ^ key) < 256)
            word = i;
    }
    if (key_count == PATCH_WORDS)
        return word;
    keys[key_count] = key;
    return key_count++;
}

static bool may_have_word(const struct patch_instruction *in)
{
    return patch_may_compare(in) && in->base != PATCH_NO_REGISTER && in->index == PATCH_NO_REGISTER;
}

/* Registers with which a loop may walk: all that it changes but by loads off other registers. */
static uint32_t walks(const struct patch_instruction *in)
{
    if (flow_calls(in->flow))
        return CALLER_SAVED;
    bool loads = in->bits & INSTRUCTION_READS && !(in->bits & INSTRUCTION_WRITES) &&
                 !(in->reads & in->changes);
    return loads ? 0 : in->changes;
}

/* Registers that hold, in some turn of a loop, what it has read through a pointer, or what is made of that. */
static uint32_t read_in_loop(const struct patch_instruction *first,
                             const struct patch_instruction *last)
{
    uint32_t set = 0, before;
    do {
        before = set;
        for (const struct patch_instruction *in = first; in <= last; in++)
            if ((in->bits & INSTRUCTION_READS && in->memory != MEMORY_STACK) || in->reads & set)
                set |= in->changes;
    } while (set != before);
    return set;
}

/*
 * In a loop those whose base does not walk; elsewhere those of a field that is not the first. What has none in a loop
 * without branches may have a span, unless it goes where the data lead. Nothing depends on it but how often the comparisons hold.
 */
void patch_words_choose(struct patch_image *image, struct patch_function *function)
{
    struct patch_instruction *all = image->instructions;
    bool on = shim_options.gather && mark_expedited;
    for (uint32_t i = function->first; i < function->last; i++)
        all[i].word = on && may_have_word(&all[i]) ? NOT_YET : 0;
    for (uint32_t i = function->first; on && i < function->last; i++) {
        if (!patch_turns_back(image, function, &all[i]))
            continue;
        uint32_t first = image->number[all[i].target], walk = 0;
        bool straight = true;
        for (uint32_t k = first; k <= i; k++) {
            walk |= walks(&all[k]);
            straight &= k == i || all[k].flow == FLOW_NEXT;
        }
        uint32_t read = straight ? read_in_loop(&all[first], &all[i]) : 0;
        for (uint32_t k = first; k <= i; k++) { /* inner loops end first */
            if (all[k].word == NOT_YET)
                all[k].word = walk >> all[k].base & 1 ? 0 : (uint16_t)word_of(&all[k]);
            if (straight && !(operand_registers(&all[k]) & read))
                patch_span_choose(&all[k]);
        }
    }
    for (uint32_t i = function->first; on && i < function->last; i++)
        if (all[i].word == NOT_YET)
            all[i].word = all[i].displacement ? (uint16_t)word_of(&all[i]) : 0;
}

/* ---- their code ---- */

#define WORD(check) (patch_words_offset + 8 * (int32_t)(check)->in->word)

void patch_emit_word_test(struct emitter *e, struct check *check)
{
    with_thread(e, CMP, true, check->in->base, WORD(check));
    check->to_rest[0] = check->resume = jump_forward(e, IF_NOT_EQUAL);
}

void patch_emit_word_set(struct emitter *e, const struct check *check)
{
    byte(e, 0x64); /* cmpb $0, gathering */
    with_memory(e, 0x80, false, 7, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, FAST(gathering));
    byte(e, 0);
    bytes(e, "\x74\x09", 2); /* je over the next */
    with_thread(e, STORE, true, check->in->base, WORD(check));
}

void patch_emit_word_forget(struct emitter *e, const struct check *check)
{
    with_thread(e, 0xc7, true, 0, WORD(check));
    number(e, 0, 4);
}
