/* The emitter's own state (patch_emit.c), and what it and the slow path agree on about string instructions. */
#ifndef SHIM_PATCH_EMIT_H
#define SHIM_PATCH_EMIT_H

#include "shim/patch_access.h"
#include "shim/patch_code.h"

/* A direct branch in the copy whose target may not have been copied yet. */
struct fixup {
    uint32_t at;     /* offset in the copy of its displacement */
    uint32_t target; /* offset in the text */
};

/* A check whose piece behind the function is still to be written. Offsets are in the copy. */
struct check {
    const struct patch_instruction *in;
    uint32_t start;
    uint32_t to_miss[2]; /* behind the jumps to it; 0: none */
    uint32_t to_rest
        [2]; /* of one with a word or span: behind the jumps to what is behind the function ... */
    uint32_t rest;    /* ... there; 0: it is all in one */
    uint32_t resume;  /* ... where that returns */
    uint32_t to_span; /* behind the jump to asking for a new span */
    uint32_t back;    /* where it returns */
    uint32_t behind;  /* behind the instruction */
    uint32_t site;
    uint8_t slot; /* of the open table */
    uint8_t a, b; /* scratch registers */
    bool flags, spill_a, spill_b, spill_rax, store_address, down;
    bool addressed; /* A is spilled, and holds the address, before the rest begins */
};

struct emitter {
    struct patch_image *image;
    uint8_t *at;
    bool failed;                                  /* something does not fit */
    uint32_t function;                            /* offset of the present one's start */
    const struct patch_instruction *first, *last; /* its first instruction; behind its last */
    const struct patch_instruction
        *spilled[PATCH_REGISTERS]; /* whose check was the last to spill it */
    struct fixup *fixups;
    uint32_t fixup_count, fixup_room;
    struct check *checks; /* of the present function */
    uint32_t check_count, check_room;
};

/* patch_scratch.c: a new check of this instruction, with its registers. */
void patch_emit_choose(struct emitter *e, struct check *check, const struct patch_instruction *in);
/* Here a part of the check begins, with spills of its own beside those at its start and of the rest. */
void patch_emit_piece(struct emitter *e, const struct check *check);
/* patch_word.c: the comparison, setting the word, making it 0. */
void patch_emit_word_test(struct emitter *e, struct check *check);
void patch_emit_word_set(struct emitter *e, const struct check *check);
void patch_emit_word_forget(struct emitter *e, const struct check *check);
/* May its check begin with a comparison? */
#define PATCH_FAR (1 << 16) /* less than that from base 0 nothing is mapped */
static inline bool patch_may_compare(const struct patch_instruction *in)
{
    return in->memory == MEMORY_CHECKED && !in->local && in->size <= 32 &&
           !(in->bits & INSTRUCTION_RELATIVE) && !(in->live & PATCH_FLAGS) &&
           in->displacement > -PATCH_FAR && in->displacement < PATCH_FAR;
}
/* patch_span.c: gives it one, if it may have one and there are any left; the comparisons; the count behind a test that found the bytes known; asking for a span. */
void patch_span_choose(struct patch_instruction *in);
void patch_emit_span_test(struct emitter *e, struct check *check);
void patch_emit_span_count(struct emitter *e, struct check *check);
/* patch_near.c: behind the function, where the line of a check is known and some of its bytes are new. */
#define PATCH_NEAR_MOST 32u /* bytes of an access */
void patch_emit_near(struct emitter *e, const struct check *check);
/* patch_near.c: where the test of a check failed that may reach into the next line; `call`: the way into C. */
void patch_emit_crossing(struct emitter *e, const struct check *check, uint32_t call);

/* patch_poison.c: overwrites all that is dead before this instruction. */
void patch_emit_poison(struct emitter *e, const struct patch_instruction *in);

/* patch_loop.c: up to the next multiple. */
#define PATCH_HEAD_ALIGN 64u
void patch_emit_padding(struct emitter *e);

/* Bits of patch_site.details of a string instruction. */
#define PATCH_STRING_SOURCE      1u /* by rsi */
#define PATCH_STRING_DESTINATION 2u /* by rdi */
#define PATCH_STRING_REPEATED    4u
#define PATCH_STRING_COMPARES    8u

/* Distances of thread-local variables from %fs:0. */
extern int32_t patch_thread_offset, access_fast_offset, patch_words_offset, patch_spans_offset;
void patch_emit_setup(void);

/* Can all of the copy branch there? Memories of a module's copies are near the text, but not always near each other. */
static inline bool patch_reaches(const struct patch_image *image, uint64_t address)
{
    int64_t from_start =
        (int64_t)(address - (uint64_t)(uintptr_t)image->out - (uint64_t)image->shift);
    int64_t from_end = from_start - (image->out_end - image->out);
    return from_start <= INT32_MAX && from_end >= INT32_MIN;
}

#endif
