/*
 * Unmodified binaries: the machine code of chosen modules is copied at load with a check of the filter before each
 * load and store, and the original is patched to jump into the copy. patch.c (which modules, memory, installation),
 * patch_decode.c, patch_discover.c, patch_live.c, patch_emit.c, patch_near.c (the rewriter: a module's bytes in, a copy out),
 * patch_stub.c (the way from a copy into C), patch_place.c (original pc <-> copy pc, the program's registers in a check).
 *
 * The scheme: whole functions are copied; a call goes back to the ORIGINAL call instruction, so that return addresses,
 * unwinding, exceptions, setjmp and backtraces are what they would be. In the original, function starts, the places after
 * calls, jump-table targets, landing pads and code whose address is taken become jumps into the copy. All other original
 * bytes stay, so that code which nobody found merely runs unrecorded.
 *
 * A check, where an instruction is about to touch memory (original pc O, copy pc C):
 *
 *     C:  mov %ra, %fs:SPILL_A      only those of the two scratch registers that are live
 *         mov %rb, %fs:SPILL_B
 *         mov %rax, %fs:SPILL_RAX; lahf; seto %al; mov %eax, %fs:FLAGS        only where the flags are live
 *         ...test of the filter, no store but into patch_thread, no fault possible...
 *         ja/jne  miss
 *         ...the spilled things back...
 *     the instruction itself, all registers and flags as the program has them
 *     near (behind the function): the line is known and only bytes are new: patch_near.c
 *     miss (behind the function): address and site into patch_thread, down by the red zone, call the stub, up, back
 *
 * Invariant for signals: from C up to the instruction itself nothing of the program has changed, and whatever was spilled
 * is still in patch_thread; so patch_rewind() can always show the program's own registers at O, and running the check anew
 * from C is harmless.
 */
#ifndef SHIM_PATCH_H
#define SHIM_PATCH_H

#include "shim/raw.h"
#include "shim/shim.h"

/* ---- what a thread has for its copies; all of it only meaningful inside one check ---- */

/* The program's registers as the stub saved them. rbx, rbp, r12..r15 are in the machine's registers (or further up in our
 * own C frames); rax, ra and rb hold scratch values where patch_thread has the program's. */
struct patch_frame {
    uint64_t rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11;
    uint64_t rbx, rbp, r12, r13, r14,
        r15;        /* only of the full stub (string, LOCK, system call, vector) */
    uint64_t flags; /* likewise */
    uint64_t back;  /* return address: the copy's instruction after the call of the stub */
};

#define PATCH_RED_ZONE 128u
/* The program's stack pointer: below it is the red zone, then the return address. */
static inline uintptr_t patch_frame_sp(const struct patch_frame *frame)
{
    return (uintptr_t)(frame + 1) + PATCH_RED_ZONE;
}

struct system_call { /* under way: see patch_access.c */
    long number;
    uintptr_t word; /* of a futex call */
    uint32_t operation;
};

struct patch_thread {
    uint64_t spill_a, spill_b, spill_rax, spill_c;
    uint32_t flags; /* ah: lahf, al: overflow */
    uint32_t site;  /* of the slow path under way */
    uint64_t address;
    struct patch_frame *frame; /* not NULL: the thread is in the slow path, called from a copy */
    uint64_t count;            /* rcx before a string instruction */
    struct system_call call;   /* inlined in the program */
    uint8_t vector[2][64];     /* index and mask of a gather, scatter or masked move */
    /* Number of the context that accesses are made in as long as control stays in copies: 0 where that is not known. See
     * patch_near.c. */
    uint32_t context;
    uint64_t
        ones[6]; /* as many as accesses have bytes, by log2 of that: patch_near.c shifts them */
};
#define PATCH_THREAD_NEW                              \
    {                                                 \
        .ones = { 1, 3, 15, 255, 0xffff, 0xffffffff } \
    }
extern __thread struct patch_thread patch_thread __attribute__((tls_model("initial-exec")));

/* See patch_word.c. The first is not 0 where others may be, or spans. */
#define PATCH_WORDS 384u
extern __thread uint64_t patch_words[PATCH_WORDS] __attribute__((tls_model("initial-exec")));
/* See patch_span.c. */
#define PATCH_SPANS 128u
extern __thread struct patch_spans {
    uint64_t high[PATCH_SPANS]; /* 0: nothing is below it */
    uint64_t low[PATCH_SPANS];
    int32_t left[PATCH_SPANS]; /* checks outside until C is asked */
} patch_spans __attribute__((tls_model("initial-exec")));
extern uint32_t patch_span_count; /* how many are in use, in copies of any thread */
/* This thread forgets something that it has recorded. */
static inline void patch_words_forget(void)
{
    if (UNLIKELY(patch_words[0]))
        raw_zero(patch_words + 1, sizeof patch_words - sizeof patch_words[0]);
}
static inline void patch_spans_forget(void)
{
    if (UNLIKELY(patch_words[0]))
        raw_zero(patch_spans.high, patch_span_count * sizeof *patch_spans.high);
}

/* What a slow path is about: one per check. */
enum patch_action {
    PATCH_ACCESS,        /* a load or store of `size` bytes at patch_thread.address */
    PATCH_ACCESS_AFTER,  /* one of marked bytes has run */
    PATCH_LOCKED_BEFORE, /* a LOCK-prefixed instruction or xchg is about to run */
    PATCH_LOCKED_AFTER,
    PATCH_STRING_BEFORE, /* (rep) movs, stos, lods; for cmps and scas: notes rcx, rsi, rdi */
    PATCH_STRING_AFTER,  /* rep cmps, scas: what it touched is known now */
    PATCH_SYSTEM_BEFORE, /* `syscall` inlined in the program: number in frame->rax, arguments in rdi, rsi, rdx, r10.. */
    PATCH_SYSTEM_AFTER,
    PATCH_SPAN, /* an access that the filter knows: is all around it known? details: the span; see patch_span.c */
    PATCH_VECTOR, /* gather, scatter, masked move: elements of `size` bytes */
};

struct patch_site {
    uint64_t pc;      /* original pc of the instruction */
    uint16_t size;    /* bytes of the access, of one element */
    uint8_t kind;     /* TRACE_KIND_* flags of its (first) access */
    uint8_t action;   /* enum patch_action of the call before the instruction */
    uint16_t details; /* of STRING, VECTOR: see patch_emit.c */
    union {
        uint32_t function;    /* how far behind the start of its function it is */
        int32_t displacement; /* of SPAN: what is compared lies so far below the access */
    };
    uint8_t registers; /* scratch registers: ra | rb << 4 */
    uint8_t slot;      /* of the open table */
};

/* ---- the life of patching ---- */

/* At birth, thread busy: patches the modules that option patch= chooses. */
void patch_start(void);
/* A dlopen has mapped modules whose constructors have not run yet (or may have): patches those chosen. Guard up. */
void patch_refresh(void);
void patch_fork_child(void);
/* From now on patch_refresh() is called whenever modules have come or gone. See patch_load.c. */
void patch_watch(void);
/* What the recorder itself calls is patched. */
extern bool patch_nests INNER;
/* Is it a library that threads begin in whose copy has called the slow path? */
bool patch_home(void);
/* True if any module is patched. */
extern volatile uint32_t patch_on INNER;

/* ---- for signal handlers, faults, unwinding: any context, no lock ---- */

/* Original pc of the instruction that copy pc belongs to; 0 if pc is in no copy. */
uintptr_t patch_original(uintptr_t pc);
/* Copy pc (of the check) of the original instruction that starts at pc; 0 if it has none. */
uintptr_t patch_copy(uintptr_t pc);
/* Is pc in a copy or in a stub? */
bool patch_inside(uintptr_t pc);
/*
 * A thread was interrupted with these registers (gregs of ucontext_t). If that was inside a copy, a stub or the slow path
 * that a copy called: gives them the values that the program would have at the original instruction, RIP and RSP
 * included, and returns the copy pc to go on at with just these registers; else returns 0 and changes nothing.
 * In the slow path (`frame`, its patch_thread.frame, is not NULL) going on there abandons the C functions in between: only
 * where they hold nothing (the guard is down).
 */
uintptr_t patch_rewind(long long *registers, const struct patch_frame *frame);

/* ---- statistics per module, for the coverage statement ---- */

struct patch_statistics {
    uint32_t functions,
        native_functions;  /* seen; left native because they cannot be moved safely */
    uint32_t instructions; /* loads and stores that may touch shared memory */
    uint32_t recorded;     /* of those, recorded in the copy (or by an equal check just before) */
    uint32_t unreached;    /* in a copy, but an entry to it could not be patched */
    uint32_t unsupported;  /* in a copy, but of a kind that is not recorded */
    uint64_t text, copy;   /* bytes */
    uint64_t nanoseconds;
};

struct patch_module {
    uintptr_t low, high; /* of the original executable segment */
    uintptr_t copy, copy_end;
    uintptr_t bias;
    bool home;               /* threads begin in it */
    uint32_t site, site_end; /* its numbers */
    char name[64];           /* last component of its path */
    struct patch_statistics statistics;
};
/* Writes why modules were refused into the process's record, which is new. */
void patch_tell(void);

#endif
