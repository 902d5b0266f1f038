/*
 * The rewriter's property: a random function computes the same registers, vector registers, flags and memory in its copy,
 * and through the patched original, as it did; the accesses recorded are those that it made, as told by single-stepping
 * it; and at each instruction of the copy patch_rewind() gives the registers that the original had there.
 *
 * PATCH_CASES: how many functions (2000; `make check` runs 100000). Both the BMI2 and the other sequence are run, and the
 * short way of a check without gathering, with it (gather.c), and with it but not yet begun.
 * Built with -mgeneral-regs-only, as the slow path must be.
 */
#include "shim/patch_emit.h"

#include <Zydis/Zydis.h>
#include <cpuid.h>
#include <dlfcn.h>
#include <elf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

#include <cmocka.h>

#include "shim/access_state.h"
#include "shim/mark.h"
#include "shim/options.h"
#include "shim/patch_access.h"

__thread struct patch_thread patch_thread = PATCH_THREAD_NEW;
__thread uint64_t patch_words[PATCH_WORDS];
__thread struct patch_spans patch_spans;
uint32_t patch_span_count;
__thread struct access_fast access_fast;
struct shim_options shim_options;
bool mark_expedited = true;

#include "shim/far.c"
#include "shim/patch_decode.c"
#include "shim/patch_discover.c"
#include "shim/patch_emit.c"
#include "shim/patch_frames.c"
#include "shim/patch_functions.c"
#include "shim/patch_live.c"
#include "shim/patch_loop.c"
#include "shim/patch_near.c"
#include "shim/patch_place.c"
#include "shim/patch_plan.c"
#include "shim/patch_poison.c"
#include "shim/patch_random_make.h"
#include "shim/patch_run_make.h"
#include "shim/patch_scan.c"
#include "shim/patch_scratch.c"
#include "shim/patch_span.c"
#include "shim/patch_stub.c"
#include "shim/patch_word.c"

#define BATCH      200u
#define TEXT       UINT64_C(0x20000000)
#define TEXT_SIZE  0x80000u
#define COPY       UINT64_C(0x21000000)
#define COPY_SIZE  0x2000000u
#define WRITTEN    0xe000u /* bytes of the data area that are compared */
#define FLAGS_SEEN 0x8c5u  /* all but AF, which some instructions leave undefined */

/* ---- memory of the rewriter ---- */

bool arena_begin(struct patch_arena *arena, size_t reserve)
{
    arena->low = arena->next = raw_map(NULL, reserve, PROT_READ | PROT_WRITE, 0x4022, -1, 0);
    arena->end = arena->low + reserve;
    return arena->low;
}

void *arena_take_zeroed(struct patch_arena *arena, size_t size)
{
    return memset(arena_take(arena, size), 0, size);
}

void arena_end(struct patch_arena *arena)
{
    raw2(SYS_munmap, arena->low, arena->end - arena->low);
}

void *arena_take(struct patch_arena *arena, size_t size)
{
    void *piece = arena->next;
    arena->next += (size + 63) & ~(size_t)63;
    assert_true(arena->next <= arena->end);
    return piece;
}

#include "shim/patch_record_make.h"

/* All is copied at once here. */
void patch_lazy_enter(struct patch_frame *frame);
__attribute__((used)) void patch_lazy_enter(struct patch_frame *frame)
{
    fail_msg("a slot of %p", (void *)frame->back);
}

uintptr_t patch_lazy_place(const struct patch_lazy *lazy, uint32_t offset)
{
    fail_msg("%p %u", (const void *)lazy, offset);
    return 0;
}

static uint8_t *const data = (uint8_t *)DATA, *const text = (uint8_t *)TEXT,
                      *const copy = (uint8_t *)COPY;
static uint8_t data_first[DATA_BYTES];

static void run(const struct state *first, uintptr_t target, bool step)
{
    memcpy(&now, first, sizeof now);
    memcpy(data, data_first, DATA_BYTES);
    memset(stack, 0, sizeof stack);
    memset(own_bytes, 0, OWN_BYTES);
    run_target = target;
    run_flags = 0x202 | (first->flags & FLAGS_SEEN) | (step ? 0x100 : 0);
    stepping = step && step_mode == STEP_COPY;
    patch_thread.context = CONTEXT_BEFORE;
    run_asm();
    /* Below the place of the return address that `call` pushed */
    memcpy(now.red_zone, stack + 0x3000 - 128, 128);
    memcpy(now.own, own_bytes, OWN_BYTES);
    now.registers[4] = 0;
    now.flags = 0; /* dead at a return; the function itself stored what they were */
}

/* ---- the original, step by step ---- */
#define STEPS 400000u /* of a batch */
static struct step {
    uint64_t pc, registers[16], flags;
} steps[STEPS];
static uint32_t step_count, step_now, step_end, step_first[BATCH + 1];
static struct patch_image image;
static const char *step_error;
static uint64_t step_where;

static uint64_t register_value(const greg_t *registers, ZydisRegister name)
{
    uint8_t number = general(name);
    return number == PATCH_NO_REGISTER ? 0 : (uint64_t)registers[number_to_greg[number]];
}

static const uint8_t *vector_part(const ucontext_t *context, uint32_t number, uint32_t byte)
{
    const uint8_t *area = (const uint8_t *)context->uc_mcontext.fpregs;
    return byte < 16 ? area + 160 + 16 * (size_t)number + byte
                     : area + 576 + 16 * (size_t)number + byte - 16;
}

/* Elements of a gather or a masked move, from the registers themselves. */
static void note_elements(const ucontext_t *context, const ZydisDecodedInstruction *zydis,
                          const ZydisDecodedOperand *operands, uint64_t address, uint32_t size,
                          const ZydisDecodedOperand *o, bool write)
{
    bool gather = o->mem.type == ZYDIS_MEMOP_TYPE_VSIB;
    bool by_k = zydis->avx.mask.reg == ZYDIS_REGISTER_K1;
    uint32_t mask = (uint32_t)operands[gather ? 2 : 1].reg.value, index = (uint32_t)o->mem.index;
    mask -= operands[gather ? 2 : 1].reg.value >= ZYDIS_REGISTER_YMM0 ? ZYDIS_REGISTER_YMM0
                                                                      : ZYDIS_REGISTER_XMM0;
    index -= index >= ZYDIS_REGISTER_YMM0 ? ZYDIS_REGISTER_YMM0 : ZYDIS_REGISTER_XMM0;
    bool wide_index = zydis->opcode == 0x91;
    uint32_t count = gather ? 0 : o->element_count, packed = 0;
    if (gather) {
        count = zydis->avx.vector_length / (wide_index || size == 8 ? 64u : 32u);
        if (wide_index && size == 4)
            count = zydis->avx.vector_length / 64;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool wanted = by_k ? (context->uc_mcontext.gregs[REG_RAX] >> i & 1) != 0
                           : *vector_part(context, mask, (i + 1) * size - 1) >> 7;
        if (!wanted)
            continue;
        uint64_t place = address + (uint64_t)i * size;
        if (zydis->mnemonic == ZYDIS_MNEMONIC_VPCOMPRESSD)
            place = address + (uint64_t)packed++ * size;
        if (gather)
            place = address +
                    (uint64_t)o->mem.scale * *vector_part(context, index, i * (wide_index ? 8 : 4));
        note(happened, place, size, write);
    }
}

#define EVENTS 800000u /* of a batch */
static struct event events[EVENTS];
static uint32_t event_count, event_first[BATCH + 1];

static void happen(uint64_t pc, uint64_t address, uint32_t size, bool write)
{
    note(happened, address, size, write);
    assert_true(event_count < EVENTS);
    events[event_count++] = (struct event){pc, address, size, write};
}

static void note_accesses(const ucontext_t *context)
{
    const greg_t *registers = context->uc_mcontext.gregs;
    ZydisDecodedInstruction zydis;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecoderContext scratch_context;
    const uint8_t *pc = (const uint8_t *)registers[REG_RIP];
    assert_true(ZYAN_SUCCESS(decode_instruction(&decoder, &scratch_context, pc, 15, &zydis)));
    decode_operands(&decoder, &scratch_context, &zydis, operands, zydis.operand_count);
    bool repeated =
        zydis.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
    if (repeated && registers[REG_RCX] == 0)
        return;
    for (uint32_t i = 0; i < zydis.operand_count; i++) {
        const ZydisDecodedOperand *o = &operands[i];
        if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
            continue;
        uint64_t address = register_value(registers, o->mem.base) + (uint64_t)o->mem.disp.value;
        if (o->mem.base == ZYDIS_REGISTER_RIP)
            address += (uint64_t)(uintptr_t)pc + zydis.length;
        if (o->mem.segment == ZYDIS_REGISTER_FS)
            address += thread_pointer();
        bool read = o->actions & ZYDIS_OPERAND_ACTION_MASK_READ,
             write = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
        bool masked = zydis.mnemonic >= ZYDIS_MNEMONIC_VMASKMOVPD &&
                      zydis.mnemonic <= ZYDIS_MNEMONIC_VMASKMOVPS;
        masked |= zydis.mnemonic == ZYDIS_MNEMONIC_VPMASKMOVD ||
                  zydis.mnemonic == ZYDIS_MNEMONIC_VPMASKMOVQ ||
                  zydis.avx.mask.reg == ZYDIS_REGISTER_K1 || o->mem.type == ZYDIS_MEMOP_TYPE_VSIB;
        if (masked) {
            if (o->mem.type != ZYDIS_MEMOP_TYPE_VSIB)
                address += register_value(registers, o->mem.index) * o->mem.scale;
            note_elements(context, &zydis, operands, address, o->element_size / 8u, o, write);
            continue;
        }
        address += register_value(registers, o->mem.index) * o->mem.scale;
        if (read)
            happen((uint64_t)(uintptr_t)pc, address, o->size / 8, false);
        if (write)
            happen((uint64_t)(uintptr_t)pc, address, o->size / 8, true);
    }
}

static bool same(const struct step *step, uint64_t pc, const long long *registers)
{
    if (step->pc != pc)
        return false;
    uint32_t live = image.instructions[image.number[pc - TEXT]].live;
    if ((image_function(&image, (uint32_t)(pc - TEXT)) - image.functions) % 2 == 0)
        live &=
            ~R11_BIT; /* a leaf: at its return all is live, but what was before the call is not */
    for (uint32_t i = 0; i < 16; i++)
        if (live >> i & 1 && step->registers[i] != (uint64_t)registers[number_to_greg[i]])
            return false;
    return !(live & PATCH_FLAGS) || !((step->flags ^ (uint64_t)registers[REG_EFL]) & FLAGS_SEEN);
}

static void step_copy(const ucontext_t *context)
{
    long long registers[NGREG];
    memcpy(registers, context->uc_mcontext.gregs, sizeof registers);
    uint64_t pc = (uint64_t)registers[REG_RIP];
    patch_rewind(registers, patch_thread.frame);
    uint64_t original = (uint64_t)registers[REG_RIP];
    if (step_error || (pc >= (uintptr_t)run_asm && pc <= (uintptr_t)run_back))
        return;
    if (original - TEXT >= TEXT_SIZE || !(image.marks[original - TEXT] & MARK_START)) {
        step_error = "rewound to no instruction";
    } else if (same(&steps[step_now], original, registers)) {
        return;
    } else if (step_now + 1 < step_end && same(&steps[step_now + 1], original, registers)) {
        step_now++;
        return;
    } else {
        step_error = "rewound to other registers";
        const struct step *last = &steps[step_now];
        print_message("original %lx, after %lx (then %lx), flags %lx\n", (unsigned long)original,
                      (unsigned long)last->pc, (unsigned long)last[1].pc,
                      (unsigned long)registers[REG_EFL]);
        for (uint32_t i = 0; i < 16; i++)
            if (last->registers[i] != (uint64_t)registers[number_to_greg[i]])
                print_message("register %u: %lx, had %lx, then %lx\n", i,
                              (unsigned long)registers[number_to_greg[i]],
                              (unsigned long)last->registers[i],
                              (unsigned long)last[1].registers[i]);
    }
    step_where = pc;
}

static void on_step(int number, siginfo_t *info, void *data_of)
{
    (void)number, (void)info;
    ucontext_t *context = data_of;
    greg_t *registers = context->uc_mcontext.gregs;
    uint64_t pc = (uint64_t)registers[REG_RIP];
    if (pc == (uintptr_t)run_back) {
        registers[REG_EFL] &= ~0x100ll;
        return;
    }
    if (step_mode == STEP_COPY) {
        step_copy(context);
        return;
    }
    assert_true(step_count < STEPS);
    struct step *step = &steps[step_count++];
    step->pc = pc;
    step->flags = (uint64_t)registers[REG_EFL];
    for (uint32_t i = 0; i < 16; i++)
        step->registers[i] = (uint64_t)registers[number_to_greg[i]];
    note_accesses(context);
}

/* ---- a batch ---- */

static struct random_code g;
static uint8_t *starts[BATCH];
static struct state firsts[BATCH], originals[BATCH];
static uint64_t hashes[BATCH];

static uint64_t random_value(void)
{
    uint64_t high = draw(&g, 1u << 31), low = draw(&g, 1u << 31);
    return high << 33 ^ low << 5 ^ draw(&g, 64);
}

static void first_state(struct state *first)
{
    for (uint32_t i = 0; i < 16; i++)
        first->registers[i] = draw(&g, 3) ? random_value() : draw(&g, 300);
    for (uint32_t i = 0; i < 3; i++)
        first->registers[g.pointer[i]] = POINTER_LOW + draw(&g, 0x4000);
    for (uint32_t i = 0; i < 2; i++)
        first->registers[g.index[i]] = draw(&g, 256);
    first->flags = draw(&g, 0x1000);
    for (uint32_t i = 0; i < 16; i++)
        for (uint32_t k = 0; k < 32; k++)
            first->vectors[i][k] = (uint8_t)draw(&g, 256);
}

static void make_batch(void)
{
    static struct patch_place_table table;
    static struct patch_place places[TEXT_SIZE * 2];
    static struct patch_miss misses[TEXT_SIZE * 2];
    static struct patch_arena arena;
    if (arena.low)
        arena_end(&arena);
    arena_begin(&arena, (size_t)TEXT_SIZE * 64 + (16u << 20));
    memset(&image, 0, sizeof image);
    image.arena = &arena;
    image.functions = arena_take(&arena, 2 * BATCH * sizeof *image.functions);
    memset(text, 0xcc, TEXT_SIZE);
    g.at = text;
    for (uint32_t i = 0; i < BATCH; i++) {
        starts[i] = random_function(&g);
        first_state(&firsts[i]);
        image.functions[2 * i] = (struct patch_function){.start = (uint32_t)(g.leaf - text),
                                                         .end = (uint32_t)(starts[i] - text)};
        image.functions[2 * i + 1] = (struct patch_function){.start = (uint32_t)(starts[i] - text),
                                                             .end = (uint32_t)(g.at - text)};
        g.at += draw(&g, 12);
        assert_true(g.at < text + TEXT_SIZE - 4096);
    }
    image.function_count = 2 * BATCH;
    image.text = text;
    image.bytes = text;
    image.size = TEXT_SIZE;
    image.fixed = true;
    image.segments[0] = (struct patch_segment){DATA, DATA + DATA_BYTES, true};
    image.segments[1] = (struct patch_segment){TEXT, TEXT + TEXT_SIZE, false};
    image.segment_count = 2;
    table = (struct patch_place_table){
        .low = TEXT, .high = TEXT + TEXT_SIZE, .copy = COPY, .places = places, .misses = misses};
    image.table = &table;
    image.out = copy;
    image.out_end = copy + COPY_SIZE;
    image.first_site = 1;
    assert_true(patch_decode_functions(&image));
    patch_discover_entries(&image);
    for (uint32_t i = 0; i < image.function_count; i++) {
        assert_false(image.functions[i].native);
        patch_live(&image, &image.functions[i]);
        patch_words_choose(&image, &image.functions[i]);
        patch_heads_choose(&image, &image.functions[i]);
    }
    patch_span_count = 0;
    for (uint32_t i = 0; i < image.instruction_count; i++) /* also where there is no loop */
        patch_span_choose(&image.instructions[i]);
    assert_true(patch_plan_entries(&image));
    patch_emit_ways(&image);
    assert_true(patch_emit_functions(&image));
    for (uint32_t i = 0; i < image.instruction_count; i++)
        assert_true(!image.instructions[i].head || image.places[i] % PATCH_HEAD_ALIGN == 0);
    table.copy_end = COPY + image.used;
    table_count = 0;
    patch_place_add(&table);
}

static uint64_t hash_data(void)
{
    uint64_t hash = 1;
    for (uint32_t i = 0; i < WRITTEN; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

/* PATCH_DUMP=FILE: for objdump -D -b binary -m i386:x86-64 --adjust-vma=0x20000000 */
static void dump(void)
{
    const char *path = getenv("PATCH_DUMP");
    long fd = path ? raw3(SYS_open, path, 01101, 0600) : -1;
    if (fd < 0)
        return;
    raw3(SYS_write, fd, text, COPY - TEXT);
    raw3(SYS_write, fd, copy, image.used);
    raw1(SYS_close, fd);
}

static void compare(uint32_t i, const char *what)
{
    size_t size = offsetof(struct state, own) + sizeof now.own; /* padding follows */
    if (memcmp((uint8_t *)&now, (uint8_t *)&originals[i], size) == 0 && hash_data() == hashes[i])
        return;
    for (uint32_t k = 0; k < 16; k++)
        if (now.registers[k] != originals[i].registers[k])
            print_message("register %u: %lx, was %lx\n", k, (unsigned long)now.registers[k],
                          (unsigned long)originals[i].registers[k]);
    for (uint32_t k = 0; k < 16; k++)
        if (memcmp(now.vectors[k], originals[i].vectors[k], 32) != 0)
            print_message("vector register %u differs\n", k);
    dump();
    fail_msg("%s of function %u at %p (copy %lx) computes something else", what, i,
             (void *)starts[i],
             (unsigned long)(COPY + image.places[image.number[starts[i] - text]]));
}

static void compare_accesses(uint32_t i)
{
    for (uint32_t k = 0; k < DATA_BYTES; k++) {
        bool missing = (happened[1][k] && !recorded[1][k]) ||
                       (happened[0][k] && !recorded[0][k] && !recorded[1][k]);
        bool extra = (recorded[1][k] && !happened[1][k]) || (recorded[0][k] && !happened[0][k]);
        if (missing || extra)
            dump();
        if (missing || extra)
            fail_msg("function %u at %p: byte %x %s", i, (void *)starts[i], k,
                     missing ? "is missing" : "was never touched");
    }
}

static uint64_t words_set, spans_set;

/* Through the copy, after the jumps into it were installed; calls lead there by the original. */
static void run_installed(uint32_t i, bool gathering)
{
    access_fast.gathering = gathering;
    event_from = events + event_first[i];
    event_to = events + event_first[i + 1];
    uintptr_t in_copy = COPY + image.places[image.number[starts[i] - text]];
    happened = happened_in[i];
    filters_clear();
    /* What the first time goes the long way is in the filter the second time, and sets words; then these are right. */
    for (uint32_t times = gathering && i % 2 == 0 ? 3 : 1; times; times--) {
        run(&firsts[i], in_copy, false);
        compare(i, "the copy");
    }
    if (!gathering && i % 4 == 1) {
        written();
        memset(recorded, 0, sizeof recorded);
        run(&firsts[i], in_copy, false);
        compare(i, "the copy, once more,");
    }
    open_notes();
    gathered_notes();
    compare_accesses(i);
    for (uint32_t k = 0; k < PATCH_WORDS; k++)
        words_set += patch_words[k] != 0;
    for (uint32_t k = 0; k < PATCH_SPANS; k++)
        spans_set += patch_spans.high[k] != 0;
    filters_clear();
    run(&firsts[i], (uintptr_t)starts[i], false);
    compare(i, "the patched original");
    if (gathering)
        open_notes();
    for (uint32_t k = 0; gathering && k < TRACE_OPEN_ENTRIES; k++)
        open_table[k] = (struct trace_open){0}; /* nobody is to look at it */
    if (i % 16)
        return;
    /* The open table stays, and all lines are known, but none of their bytes: so it steps the short way, too. */
    written();
    memset(patch_words, 0, sizeof patch_words);
    memset(&patch_spans, 0, sizeof patch_spans);
    step_mode = STEP_COPY;
    step_now = step_first[i];
    step_end = step_first[i + 1];
    step_error = NULL;
    run(&firsts[i], in_copy, true);
    if (step_error)
        dump();
    if (step_error)
        fail_msg("function %u at %p: at %lx %s", i, (void *)starts[i], (unsigned long)step_where,
                 step_error);
    compare(i, "the copy, stepped,");
    open_notes();
}

static void run_batch(void)
{
    make_batch();
    memset(happened_in, 0, sizeof happened_in);
    step_count = event_count = 0;
    for (uint32_t i = 0; i < BATCH; i++) {
        happened = happened_in[i];
        step_mode = STEP_ORIGINAL;
        step_first[i] = step_count;
        run(&firsts[i], (uintptr_t)starts[i], true);
        step_first[i + 1] = step_count;
        event_first[i + 1] = event_count;
        originals[i] = now;
        hashes[i] = hash_data();
    }
    patch_install(&image, text);
    for (uint32_t i = 0; i < BATCH; i++)
        for (uint32_t gathering = 0; gathering <= shim_options.gather; gathering++)
            run_installed(i, gathering);
}

static void test_copies_compute_the_same(void **unused)
{
    (void)unused;
    const char *wanted = getenv("PATCH_CASES"), *seed = getenv("PATCH_SEED");
    uint32_t cases = wanted ? (uint32_t)atoi(wanted) : 2000;
    bool bmi2 = patch_has_bmi2;
    g.seed = seed ? (uint64_t)atoi(seed) : 1;
    for (uint32_t done = 0; done < cases; done += BATCH) {
        patch_has_bmi2 = bmi2 && done / BATCH % 2 == 0;
        shim_options.gather = done / BATCH / 2 % 2 == 0;
        shim_options.patch_poison = done / BATCH % 3 ? done / BATCH : 0;
        run_batch();
    }
    patch_has_bmi2 = bmi2;
    print_message(
        "%lu words, %lu spans, %lu near bytes, %lu and %lu of open records, %lu opened again, %lu entries of several, %lu of one, "
        "%lu records of the stack, %lu of the thread's variable\n",
        (unsigned long)words_set, (unsigned long)spans_set, (unsigned long)near_bytes,
        (unsigned long)open_bytes[0], (unsigned long)open_bytes[1], (unsigned long)opened_again,
        (unsigned long)several_entries, (unsigned long)single_entries, (unsigned long)stack_records,
        (unsigned long)own_records);
    assert_true(stack_records > cases / 4 && own_records > cases / 4);
    assert_true(several_entries > cases / 2 && single_entries > cases / 2);
    assert_true(open_bytes[false] > cases / 8 && (!bmi2 || open_bytes[true] > cases / 8));
    assert_true(opened_again > cases / 64 || !bmi2);
    assert_true(words_set > cases / 64 && spans_set > cases / 64);
    assert_true(wide_brackets > cases / 8);
    assert_true(near_bytes > cases / 2); /* about one byte in each case, by 4,000 cases */
}

static void map_here(uint64_t address, size_t size, int protection)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
    assert_ptr_equal(raw_map((void *)address, size, protection, flags, -1, 0), (void *)address);
}

static int setup(void **unused)
{
    (void)unused;
    static uint8_t signal_stack[1 << 16];
    stack_t alternative = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&alternative, NULL);
    sigaction(SIGTRAP, &action, NULL);
    map_here(DATA, DATA_BYTES, PROT_READ | PROT_WRITE);
    map_here(TEXT, COPY - TEXT, PROT_READ | PROT_WRITE | PROT_EXEC);
    map_here(COPY, COPY_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
    assert_true(patch_decode_open());
    assert_true(patch_sites_open());
    patch_emit_setup();
    g.seed = 99;
    for (uint32_t i = 0; i < DATA_BYTES; i++)
        data_first[i] = (uint8_t)draw(&g, 256);
    for (uint32_t i = 0; i < 8; i++) { /* small numbers of four and of eight bytes */
        memset(data_first + (CONSTANTS - DATA) + 4 * i, 0, 4);
        memset(data_first + (CONSTANTS - DATA) + 64 + 8 * i, 0, 8);
        data_first[CONSTANTS - DATA + 4 * i] = (uint8_t)draw(&g, 128);
        data_first[CONSTANTS - DATA + 64 + 8 * i] = (uint8_t)draw(&g, 128);
    }
    unsigned a = 0, b = 0, c = 0, d = 0;
    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    g.avx2 = b & 1u << 5;
    g.avx512 = b & 1u << 16;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copies_compute_the_same)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
