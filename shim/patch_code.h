/*
 * What the parts of the rewriter share (shim/patch.h says what it is all about): a module as an image in memory, its
 * instructions, and the copy being written. Nothing here needs a live process: tests hand over images of their own.
 *
 * Offsets are from the start of the text, the executable segment; PATCH_NOWHERE is none.
 */
#ifndef SHIM_PATCH_CODE_H
#define SHIM_PATCH_CODE_H

#include "shim/patch.h"

#define PATCH_NOWHERE     UINT32_MAX
#define PATCH_REGISTERS   16u
#define PATCH_NO_REGISTER 16u
#define PATCH_RCX         1u
#define PATCH_RSP         4u
#define PATCH_RBP         5u
#define PATCH_FLAGS       0x10000u /* in a set of live registers: the arithmetic flags */
#define PATCH_ALL         0x1ffffu

enum patch_flow {
    FLOW_NEXT,
    FLOW_BRANCH, /* jcc */
    FLOW_LOOP,   /* jrcxz, loop: short only */
    FLOW_JUMP,
    FLOW_JUMP_INDIRECT,
    FLOW_CALL,
    FLOW_CALL_INDIRECT,
    FLOW_RETURN,
    FLOW_TRAP, /* ud2, int3, hlt: does not go on */
};

enum patch_memory {
    MEMORY_NONE,
    MEMORY_CHECKED, /* a plain load or store with an address in registers */
    MEMORY_LOCKED,  /* LOCK, or xchg */
    MEMORY_STRING,  /* movs, stos, lods, cmps, scas, with rep or without */
    MEMORY_VECTOR,  /* gather, scatter, masked move */
    MEMORY_SYSTEM,  /* the syscall instruction */
    MEMORY_STACK, /* relative to rsp, or to rbp where that is the frame pointer: nobody else's, see patch_functions.c */
    MEMORY_THREAD,      /* relative to fs: likewise */
    MEMORY_CONSTANT,    /* a read of what nobody can write */
    MEMORY_UNSUPPORTED, /* not recorded: counted */
};

/* Bits of patch_instruction.bits */
#define INSTRUCTION_READS        1u /* memory */
#define INSTRUCTION_WRITES       2u
#define INSTRUCTION_READS_FLAGS  4u
#define INSTRUCTION_WRITES_FLAGS 8u  /* all six */
#define INSTRUCTION_RELATIVE     16u /* has a memory operand relative to rip */
#define INSTRUCTION_REPEATED     32u /* rep */
#define INSTRUCTION_COMPARES     64u /* cmps, scas: how often it repeats is known afterwards */

/* How a MEMORY_VECTOR says which elements it touches: bits of patch_instruction.vector and patch_site.details */
#define VECTOR_INDEX             1u /* index vector in patch_thread.vector[0]; else elements lie side by side */
#define VECTOR_MASK              2u /* sign bits of a vector in patch_thread.vector[1] */
#define VECTOR_MASK_K            4u /* bits of a k register, stored there */
#define VECTOR_PACKED            8u /* compress, expand: as many elements as the mask has bits, side by side */
#define VECTOR_WIDE              16u /* indices of 8 bytes instead of 4 */

enum patch_trait {
    TRAIT_NONE,
    TRAIT_LEA_RIP, /* lea of something relative to rip */
    TRAIT_CARRY,   /* stc, clc, cmc: makes the carry flag a result */
    TRAIT_DOWN,    /* std */
    TRAIT_FRAME,   /* mov %rsp, %rbp */
    TRAIT_ADDRESS, /* takes an address off rsp or rbp: base and displacement */
    TRAIT_UNFRAME, /* pop %rbp, leave */
    TRAIT_ADD, /* add of two 64-bit registers: the last step to a position-independent jump target */
    TRAIT_SUM, /* a sub, an add of memory, a lea of two: likewise, in hand-written code */
    TRAIT_ENDBR,
    TRAIT_NOP,
    TRAIT_COMPARE, /* cmpxchg: may fail, then it only reads */
    TRAIT_WHOLE, /* movaps and its kin: 16 aligned bytes, which processors read or write at once */
    TRAIT_WHOLE_AVX, /* vmovaps and its kin */
    TRAIT_TABLE,     /* of struct patch_turn: a jump through a table at a fixed address */
    TRAIT_TAIL,      /* ... a call behind which the function returns, with its flags */
};

struct patch_instruction {
    uint32_t offset;
    uint32_t target;      /* of a direct branch or call in the text */
    int64_t displacement; /* with INSTRUCTION_RELATIVE: the address itself */
    uint32_t live;        /* registers and flags live before it */
    uint16_t reads;       /* general registers */
    uint16_t writes;      /* overwritten wholly, whatever happens */
    uint16_t changes;     /* written in any way */
    uint16_t size;        /* bytes of the memory operand (of one element) */
    uint8_t length;
    uint8_t flow, memory; /* enum patch_flow, patch_memory */
    uint8_t bits;
    uint8_t base, index, scale;                      /* PATCH_NO_REGISTER: none */
    uint8_t displacement_at;                         /* byte within the instruction */
    uint8_t vector, elements;                        /* of MEMORY_VECTOR */
    uint8_t vector_index, vector_mask, vector_bytes; /* register numbers, bytes of the registers */
    uint8_t
        bit; /* of MEMORY_LOCKED: 1 + the register with the number of a bit, from base and index on; 0: none */
    uint8_t trait;  /* enum patch_trait */
    bool head : 1;  /* of a loop, to be aligned: patch_loop.c */
    bool local : 1; /* the address is relative to fs */
    uint16_t word;  /* that its check begins with, of patch_words; 0: none. See patch_word.c */
    uint16_t span;  /* likewise, from 1: patch_span.c */
};

/*
 * What the passes over a whole module look at: an instruction where control turns, or that names an address; one in three.
 */
struct patch_turn {
    uint32_t offset, target;
    int32_t
        displacement; /* TRAIT_LEA_RIP: from the next instruction on; TRAIT_TABLE: the address */
    uint8_t length, flow, trait;
};

/* Bits of patch_image.marks, one byte per byte of text */
#define MARK_START   1u  /* an instruction starts here */
#define MARK_ENTRY   2u  /* control may come here from outside the copies */
#define MARK_KEEP    4u  /* the original must stay as it is */
#define MARK_USED    8u  /* taken by a jump, or must not be taken */
#define MARK_TARGET  16u /* a direct branch goes here */
#define MARK_PADDING 32u
#define MARK_BODY    64u  /* of a function that is copied */
#define MARK_FAILED  128u /* an entry that could not be diverted */

struct patch_function {
    uint32_t start, end;
    uint32_t first, last; /* instructions [first, last) */
    uint32_t first_turn, last_turn;
    bool native;  /* not copied */
    bool skipped; /* .plt and the like: nothing of interest */
    bool stops;   /* has an int3 that control does not fall into */
    bool summed;  /* jumps to an address that was added up just before, maybe */
    bool added;   /* ... by TRAIT_ADD */
    bool table;   /* takes the address of a jump table */
    bool carry;   /* stc, clc, cmc, or a caller that asks: returns a flag, maybe */
    bool down;    /* std, there or before a call of it: the direction flag may be set */
    bool falls;   /* into what follows it */
    bool keeps;   /* something in it that nobody is known to come to */
    int32_t known_rsp, known_rbp; /* from this displacement on others may know the address */
    uint32_t
        together; /* of a module that is patched lazily: the next of a ring, see patch_lazy.c */
    uintptr_t landing; /* its LSDA, or 0 */
};

struct patch_segment {
    uintptr_t low, high;
    bool writable;
};

/* int3. Of a debugger, maybe: what was there is not known, and who asked for it is to have control there. */
#define BREAKPOINT     0xcc
#define PATCH_SEGMENTS 16u
struct patch_lazy;
struct patch_image {
    const uint8_t *text;  /* at the address where it runs */
    const uint8_t *bytes; /* what it is made of: `text`, or as it was before jumps were written */
    const char *path;     /* of its file, where the text begins at `file_offset`; NULL: not known */
    uint64_t file_offset;
    /* Its functions are those being copied now, the rest of the module is in there; NULL: all at once. */
    const struct patch_lazy *lazy;
    bool
        quick; /* instructions are only scanned, and not kept: `number` is that of an entry's slot */
    uint32_t size;
    uintptr_t bias;
    bool fixed;  /* not position-independent: code holds absolute addresses */
    bool pairs;  /* has cmpxchg16b: aligned moves of 16 bytes may be atomic operations, too */
    bool locals; /* others may know addresses of its thread-local variables */
    struct patch_segment segments[PATCH_SEGMENTS];
    uint32_t segment_count;
    uintptr_t relro_low, relro_high;
    const uint8_t *frames; /* .eh_frame_hdr */
    uintptr_t relocations; /* DT_RELA */
    size_t relocation_bytes;
    uintptr_t relative; /* DT_RELR */
    size_t relative_bytes;
    uintptr_t symbols; /* DT_SYMTAB */
    const void *dynamic;

    uint8_t *marks; /* one byte per byte of text; NULL: of a module copied lazily, `kept` */
    const uint8_t
        *kept; /* a bit each: MARK_START, MARK_ENTRY, MARK_FAILED, in pieces of kept_size */
    size_t kept_size;
    uint32_t *
        number; /* of the instruction that starts at a byte of text: index of instructions and places */
    struct patch_function *functions;
    uint32_t function_count;
    struct patch_instruction *instructions;
    uint32_t instruction_count, instruction_room;
    struct patch_turn *turns; /* ascending; NULL: not kept */
    uint32_t turn_count;

    /* the copy */
    uint8_t *plan;  /* per byte of text: enum patch_plan of an entry */
    uint32_t *hole; /* of an entry reached by a short jump: where the long one is */
    uint8_t *out;   /* where it is written */
    uint8_t *out_end;
    bool crowded;     /* there was not the room for it */
    int64_t shift;    /* address at which it runs minus `out` */
    uint32_t *places; /* per instruction: offset of its check in the copy; PATCH_NOWHERE: none */
    uint32_t used;    /* bytes of the copy */
    uint64_t stub_light, stub_full; /* addresses of ways to the stubs, in the copy */
    uint32_t first_site, site_count;
    struct patch_place_table *table;
    struct patch_statistics statistics;
    struct patch_arena *arena;
};

/* Scratch memory of one module's rewriting. */
struct patch_arena {
    uint8_t *next, *end;
    uint8_t *low;
};
/* Empties one that is large enough, else makes it. */
bool arena_begin(struct patch_arena *arena, size_t reserve);
/* NULL if there is no more. */
void *arena_take(struct patch_arena *arena, size_t size);
void *arena_take_zeroed(struct patch_arena *arena, size_t size);
void arena_end(struct patch_arena *arena);

/* Features of the machine, set by patch_decode_open(); tests force them off. */
extern bool patch_has_bmi2;

#define EACH_TURN(image, function, turn)                                             \
    for (const struct patch_turn *turn = (image)->turns + (function)->first_turn,    \
                                 *turn_end = (image)->turns + (function)->last_turn; \
         turn < turn_end; turn++)

/* patch_decode.c */
bool patch_decode_open(void);
/*
 * One instruction at `code` (which runs at `address`); false if it is none, or none that can be moved. *value: the address
 * a direct branch goes to, else an immediate operand, else 0.
 */
bool patch_decode(const uint8_t *code, size_t room, uintptr_t address,
                  struct patch_instruction *instruction, uint64_t *value);

/* patch_functions.c */
/* All functions of the image; those that cannot be decoded become native. */
bool patch_decode_functions(struct patch_image *image);
void patch_decode_again(struct patch_image *image);
/* The instruction that starts there; of a module that is only scanned it is looked at again, into *room. */
const struct patch_instruction *image_instruction(const struct patch_image *image,
                                                  const struct patch_function *function,
                                                  uint32_t offset, struct patch_instruction *room);

/* patch_frames.c */
bool patch_discover_functions(struct patch_image *image);
/* Where the unwinder may set a thread down. */
void patch_landing_pads(const struct patch_image *image, const struct patch_function *function,
                        void (*found)(void *data, uintptr_t address), void *data);

/* patch_discover.c */
void patch_discover_entries(struct patch_image *image);
bool patch_shares_locals(const struct patch_image *image);
bool image_constant(const struct patch_image *image, uintptr_t address, size_t size);
struct patch_function *image_function(const struct patch_image *image, uint32_t offset);

static inline uint32_t image_offset(const struct patch_image *image, uintptr_t address)
{
    uintptr_t offset = address - (uintptr_t)image->text;
    return offset < image->size ? (uint32_t)offset : PATCH_NOWHERE;
}

/* Of the dynamic section: relocated, but where that is read-only (ld -z rodynamic, the vdso). */
static inline uintptr_t image_pointer(const struct patch_image *image, uintptr_t value)
{
    return value < image->bias ? value + image->bias : value;
}

/* `mark`: START, ENTRY or FAILED. */
static inline bool image_marked(const struct patch_image *image, uint32_t offset, uint8_t mark)
{
    if (image->marks)
        return image->marks[offset] & mark;
    uint32_t piece = mark == MARK_START ? 0 : mark == MARK_ENTRY ? 1 : 2;
    return image->kept[piece * image->kept_size + offset / 8] >> offset % 8 & 1;
}
/* Is there an instruction at this address? */
static inline bool image_code(const struct patch_image *image, uintptr_t address)
{
    uint32_t offset = image_offset(image, address);
    return offset != PATCH_NOWHERE && image_marked(image, offset, MARK_START);
}

/* patch_live.c */
void patch_live(struct patch_image *image, struct patch_function *function);

/* patch_loop.c */
bool patch_turns_back(const struct patch_image *image, const struct patch_function *function,
                      const struct patch_instruction *in);
/* patch_instruction.head */
void patch_heads_choose(struct patch_image *image, struct patch_function *function);

/* patch_word.c: patch_instruction.word. After patch_live(). */
void patch_words_choose(struct patch_image *image, struct patch_function *function);

/* More bytes of a copy than one instruction needs, or its pieces behind the function. */
#define PATCH_INSTRUCTION_MOST 1024u
/* These pieces: the rest of the check, asking for a span, two short ways, the call, a bracket, crossing a line. */
#define PATCH_PIECES_MOST      7u

/* patch_plan.c: how each entry is diverted */
enum patch_plan { PLAN_NONE, PLAN_NATIVE, PLAN_JUMP, PLAN_HOP, PLAN_FAILED };
bool patch_plan_entries(struct patch_image *image);
/* Does the entry there lead into the copy? */
bool patch_diverted(const struct patch_image *image, uint32_t offset);
/* The first entry from offset `at` on, or the size of the text. */
uint32_t patch_next_planned(const struct patch_image *image, uint32_t at);
/* Adds up what of its functions is recorded: image->statistics. */
void patch_count(struct patch_image *image);
/* Writes the jumps through `text` (a writable view of image->text). */
void patch_install(const struct patch_image *image, uint8_t *text);

/* patch_emit.c: the ways to the stubs, then the functions. False, and image->used as it was: not all could be emitted. */
void patch_emit_ways(struct patch_image *image);
/* Bytes that the copies of all its functions need at most if nothing is checked. */
size_t patch_emit_plain(const struct patch_image *image, uint32_t entries);
bool patch_emit_functions(struct patch_image *image);

/* Does this instruction get a check or a hook in its copy? */
static inline bool instruction_checked(const struct patch_instruction *instruction)
{
    return instruction->memory >= MEMORY_CHECKED && instruction->memory <= MEMORY_SYSTEM;
}
/* ... is it a candidate at all? (for statistics) */
static inline bool instruction_candidate(const struct patch_instruction *instruction)
{
    return (instruction->memory >= MEMORY_CHECKED && instruction->memory < MEMORY_SYSTEM) ||
           instruction->memory == MEMORY_UNSUPPORTED;
}
static inline bool flow_direct(uint8_t flow)
{
    return flow == FLOW_BRANCH || flow == FLOW_LOOP || flow == FLOW_JUMP || flow == FLOW_CALL;
}
static inline bool flow_calls(uint8_t flow)
{
    return flow == FLOW_CALL || flow == FLOW_CALL_INDIRECT;
}
/* May the next instruction come after it? */
static inline bool flow_falls(uint8_t flow)
{
    return flow == FLOW_NEXT || flow == FLOW_BRANCH || flow == FLOW_LOOP || flow_calls(flow);
}

/* patch_stub.c */
extern const uint8_t patch_stub_light[], patch_stub_full[], patch_stub_lazy[];
#define PATCH_SITES (1u << 22)
extern struct patch_site *patch_sites;
extern volatile uint32_t patch_site_count;
bool patch_sites_open(void);
/* Makes room for all below `end`; false if there is none. */
bool patch_sites_reach(uint64_t end);

/* patch_place.c */
#define PATCH_PLACES_MOST \
    5u /* of an instruction: padding, poison, check, itself, what is after it */
enum place_kind { PLACE_CHECK, PLACE_SELF, PLACE_AFTER };
struct patch_place {
    uint32_t copy;          /* offset in the copy, where this part begins */
    uint32_t original : 30; /* offset in the text of the instruction whose part it is */
    uint32_t kind : 2;      /* enum place_kind */
};
struct patch_miss {
    uint32_t copy;   /* offset of a piece behind a function */
    uint32_t check;  /* offset of the check it belongs to */
    uint32_t behind; /* not 0: the instruction has run in it; offset where to go on */
    uint32_t
        next; /* ... and of the next instruction in the text. Else of the piece that has spilled before */
};
struct patch_place_table {
    uintptr_t low, high; /* the text */
    uintptr_t copy, copy_end;
    uint32_t place_count, miss_count;
    size_t room;                /* instructions */
    struct patch_place *places; /* ascending in copy and, but for kind, in original */
    struct patch_miss *misses;  /* ascending in copy */
    /* Of a module that is copied lazily, where places are in no order of the original: */
    uint32_t slots, slots_end; /* offsets in the copy */
    const uint32_t *entries;   /* per slot: offset in the text */
    const int32_t *copied; /* per byte of text: how far from the text its copy is, 0: not copied */
};
/* Memory for the places of the image and of so many instructions more; false: none, and patch_place_unmap is due. */
bool patch_place_map(struct patch_place_table *table, const struct patch_image *image, size_t more);
void patch_place_unmap(struct patch_place_table *table);
/* Where it is kept from then on; NULL: there is no room. */
struct patch_place_table *patch_place_add(const struct patch_place_table *table);
/* The module whose text begins at `low` is gone. */
void patch_place_forget(uintptr_t low);

#endif
