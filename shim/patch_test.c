/*
 * The rewriter's parts one by one: what an instruction is taken for, what is live, which checks are superfluous, what is
 * found in a program (this one), how entries are diverted. Whether copies compute the same: patch_property_test.c.
 */
#include "shim/patch_code.h"

#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/mark.h"
#include "shim/options.h"
#include "shim/patch_emit.h"

struct shim_options shim_options = {.gather = true};
bool mark_expedited = true;
uint32_t patch_span_count;
int32_t patch_thread_offset, access_fast_offset, patch_words_offset, patch_spans_offset;

#include "shim/patch_decode.c"
#include "shim/patch_discover.c"
#include "shim/patch_frames.c"
#include "shim/patch_functions.c"
#include "shim/patch_live.c"
#include "shim/patch_loop.c"
#include "shim/patch_plan.c"
#include "shim/patch_scan.c"
#include "shim/patch_scratch.c"
#include "shim/patch_span.c"
#include "shim/patch_word.c"

static uint8_t memory[32u << 20];

bool arena_begin(struct patch_arena *arena, size_t reserve)
{
    (void)reserve;
    memset(memory, 0, sizeof memory);
    *arena = (struct patch_arena){.next = memory, .end = memory + sizeof memory, .low = memory};
    return true;
}

void *arena_take(struct patch_arena *arena, size_t size)
{
    void *piece = arena->next;
    arena->next += (size + 63) & ~(size_t)63;
    return arena->next <= arena->end ? piece : NULL;
}

void *arena_take_zeroed(struct patch_arena *arena, size_t size)
{
    return memset(arena_take(arena, size), 0, size);
}

void arena_end(struct patch_arena *arena)
{
    arena->low = NULL;
}

/* ---- decoding ---- */

static struct patch_instruction decoded(const char *code, uint32_t length, uint64_t *value)
{
    struct patch_instruction in;
    assert_true(patch_decode((const uint8_t *)code, length, 0x1000, &in, value));
    assert_int_equal(in.length, length);
    return in;
}

static void test_memory_operands(void **unused)
{
    (void)unused;
    static const struct {
        const char *code;
        uint8_t length, memory, bits, size, base, index;
    } cases[] = {
        {"\x8b\x07", 2, MEMORY_CHECKED, INSTRUCTION_READS, 4, 7, 16}, /* mov (%rdi),%eax */
        {"\x48\x89\x44\x8e\x08", 5, MEMORY_CHECKED, INSTRUCTION_WRITES, 8, 6, 1},
        {"\x01\x07", 2, MEMORY_CHECKED, INSTRUCTION_READS | INSTRUCTION_WRITES, 4, 7, 16},
        {"\xf0\x01\x07", 3, MEMORY_LOCKED, INSTRUCTION_READS | INSTRUCTION_WRITES, 4, 7, 16},
        {"\x87\x07", 2, MEMORY_LOCKED, INSTRUCTION_READS | INSTRUCTION_WRITES, 4, 7, 16}, /* xchg */
        {"\x8b\x44\x24\x08", 4, MEMORY_STACK, INSTRUCTION_READS, 4, 4, 16},
        {"\xf0\x0f\xab\x2b", 4, MEMORY_LOCKED, INSTRUCTION_READS | INSTRUCTION_WRITES, 4, 3,
         16}, /* lock bts %ebp,(%rbx) */
        {"\xf0\x0f\xab\x23", 4, MEMORY_UNSUPPORTED, INSTRUCTION_READS | INSTRUCTION_WRITES, 4, 3,
         16}, /* ... %esp */
        {"\xf0\x01\x04\x24", 4, MEMORY_LOCKED, INSTRUCTION_READS | INSTRUCTION_WRITES, 4, 4, 16},
        {"\x64\x8b\x07", 3, MEMORY_THREAD, INSTRUCTION_READS, 4, 7, 16},
        {"\x8d\x47\x08", 3, MEMORY_NONE, 0, 0, 7, 16},                         /* lea */
        {"\x0f\x1f\x40\x00", 4, MEMORY_NONE, 0, 0, 16, 16},                    /* nop */
        {"\x0f\x18\x0f", 3, MEMORY_NONE, 0, 0, 16, 16},                        /* prefetcht0 */
        {"\x0f\xa3\x07", 3, MEMORY_UNSUPPORTED, INSTRUCTION_READS, 4, 7, 16},  /* bt %eax,(%rdi) */
        {"\xff\x30", 2, MEMORY_CHECKED, INSTRUCTION_READS, 8, 0, 16},          /* push (%rax) */
        {"\xff\x50\x10", 3, MEMORY_CHECKED, INSTRUCTION_READS, 8, 0, 16},      /* call *16(%rax) */
        {"\x50", 1, MEMORY_NONE, 0, 0, 16, 16},                                /* push %rax */
        {"\xdb\x2f", 2, MEMORY_CHECKED, INSTRUCTION_READS, 10, 7, 16},         /* fldt */
        {"\x0f\xae\x07", 3, MEMORY_UNSUPPORTED, INSTRUCTION_WRITES, 0, 7, 16}, /* fxsave */
        {"\xc5\xfe\x6f\x07", 4, MEMORY_CHECKED, INSTRUCTION_READS, 32, 7, 16}, /* vmovdqu */
        {"\xc4\xe2\x75\x8c\x07", 5, MEMORY_VECTOR, INSTRUCTION_READS, 4, 7, 16},
        {"\xd7", 1, MEMORY_UNSUPPORTED, 0, 0, 16, 16}, /* xlat */
        {"\x0f\x05", 2, MEMORY_SYSTEM, 0, 0, 16, 16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value;
        struct patch_instruction in = decoded(cases[i].code, cases[i].length, &value);
        uint8_t access = in.bits & (INSTRUCTION_READS | INSTRUCTION_WRITES);
        if (in.memory != cases[i].memory || access != cases[i].bits ||
            (cases[i].size && in.size != cases[i].size) || in.base != cases[i].base ||
            in.index != cases[i].index)
            fail_msg("case %zu: memory %u bits %x size %u base %u index %u", i, in.memory, access,
                     in.size, in.base, in.index);
    }
}

static void test_strings_and_gathers(void **unused)
{
    (void)unused;
    uint64_t value;
    struct patch_instruction in = decoded("\xf3\x48\xa5", 3, &value); /* rep movsq */
    assert_int_equal(in.memory, MEMORY_STRING);
    assert_int_equal(in.size, 8);
    assert_int_equal(in.vector, 3);
    assert_true(in.bits & INSTRUCTION_REPEATED && !(in.bits & INSTRUCTION_COMPARES));
    in = decoded("\xf2\xae", 2, &value); /* repne scasb */
    assert_int_equal(in.vector, 2);
    assert_true(in.bits & INSTRUCTION_REPEATED && in.bits & INSTRUCTION_COMPARES);
    in = decoded("\xc4\xe2\x6d\x90\x04\x8f", 6, &value); /* vpgatherdd %ymm2,(%rdi,%ymm1,4),%ymm0 */
    assert_int_equal(in.memory, MEMORY_VECTOR);
    assert_int_equal(in.elements, 8);
    assert_int_equal(in.vector_index, 1);
    assert_int_equal(in.vector_mask, 2);
    assert_int_equal(in.vector, VECTOR_INDEX | VECTOR_MASK);
}

static void test_flow(void **unused)
{
    (void)unused;
    uint64_t value;
    assert_int_equal(decoded("\x74\x10", 2, &value).flow, FLOW_BRANCH);
    assert_int_equal(value, 0x1012);
    assert_int_equal(decoded("\xe3\xfe", 2, &value).flow, FLOW_LOOP);
    assert_int_equal(decoded("\xe8\x00\x01\x00\x00", 5, &value).flow, FLOW_CALL);
    assert_int_equal(value, 0x1105);
    assert_int_equal(decoded("\xff\xe0", 2, &value).flow, FLOW_JUMP_INDIRECT);
    assert_int_equal(decoded("\x3e\xff\xe0", 3, &value).flow, FLOW_JUMP_INDIRECT); /* notrack */
    assert_int_equal(decoded("\xff\xd0", 2, &value).flow, FLOW_CALL_INDIRECT);
    assert_int_equal(decoded("\xc3", 1, &value).flow, FLOW_RETURN);
    assert_int_equal(decoded("\x0f\x0b", 2, &value).flow, FLOW_TRAP);
    struct patch_instruction in;
    assert_false(patch_decode((const uint8_t *)"\xc7\xf8\0\0\0\0", 6, 0, &in, &value)); /* xbegin */
    assert_false(patch_decode((const uint8_t *)"\x06", 1, 0, &in, &value));
}

/* ---- a piece of text ---- */

static struct patch_arena arena;
static struct patch_function functions[4];

static void image_of_code(struct patch_image *image, const char *code, uint32_t length)
{
    arena_begin(&arena, 0);
    memset(functions, 0, sizeof functions);
    uint8_t *text = arena_take(&arena, length + 64u);
    memcpy(text, code, length);
    memset(text + length, 0xcc, 64);
    *image =
        (struct patch_image){.text = text, .bytes = text, .size = length + 64, .arena = &arena};
    image->functions = functions;
    image->function_count = 1;
    functions[0].end = length;
    assert_true(patch_decode_functions(image));
    assert_false(functions[0].native);
}

static void test_live(void **unused)
{
    (void)unused;
    struct patch_image image;
    /* mov (%rdi),%eax; mov %eax,%ecx; xor %edx,%edx; cmp %rsi,%rcx; je 0f; xor %ecx,%ecx; 0: ret */
    image_of_code(&image, "\x8b\x07\x89\xc1\x31\xd2\x48\x39\xf1\x74\x02\x31\xc9\xc3", 14);
    patch_live(&image, &functions[0]);
    const struct patch_instruction *in = image.instructions;
    assert_false(in[0].live & (1u << 0 | 1u << 1 | 1u << 2)); /* all overwritten first */
    assert_false(in[0].live & PATCH_FLAGS);
    assert_true(in[0].live & 1u << 7);
    assert_true(in[1].live & 1u << 0 && in[2].live & 1u << 1);
    assert_true(in[4].live & PATCH_FLAGS); /* the branch */
    /* mov (%rdi),%eax; call 0; ret: r11 is live before the call, since it is after it */
    image_of_code(&image, "\x8b\x07\xe8\xf9\xff\xff\xff\xc3", 8);
    patch_live(&image, &functions[0]);
    assert_int_equal(image.instructions[1].live & 0xffff, 0xffff);
    /* mov (%rdi),%eax; call 0; mov %eax,%r11d; ret: an argument, maybe */
    image_of_code(&image, "\x8b\x07\xe8\xf9\xff\xff\xff\x41\x89\xc3\xc3", 11);
    patch_live(&image, &functions[0]);
    assert_int_equal(image.instructions[1].live & 0xffff, 0xffff);
    /* mov (%rdi),%eax; call 0f; mov %eax,%r11d; ret; 0: jmp *0(%rip), of the PLT: none */
    image_of_code(&image, "\x8b\x07\xe8\x04\x00\x00\x00\x41\x89\xc3\xc3", 11);
    memcpy((uint8_t *)(uintptr_t)image.text + 11, "\xff\x25", 2);
    patch_live(&image, &functions[0]);
    assert_int_equal(image.instructions[1].live & 0xffff, 0xffff & ~(1u << 11));
}

static void test_frame_pointer(void **unused)
{
    (void)unused;
    struct patch_image image;
    /* push %rbp; mov %rsp,%rbp; mov -8(%rbp),%eax; pop %rbp; ret */
    image_of_code(&image, "\x55\x48\x89\xe5\x8b\x45\xf8\x5d\xc3", 9);
    assert_int_equal(image.instructions[2].memory, MEMORY_STACK);
    /* the same with mov %rdi,%rbp: any pointer */
    image_of_code(&image, "\x55\x48\x89\xfd\x8b\x45\xf8\x5d\xc3", 9);
    assert_int_equal(image.instructions[2].memory, MEMORY_CHECKED);
}

/* What others may know of the thread's own memory. */
static void test_own_memory(void **unused)
{
    (void)unused;
    struct patch_image image;
    /* sub $16,%rsp; lea 8(%rsp),%rdi; mov 4(%rsp),%eax; mov 8(%rsp),%eax; mov %eax,12(%rsp); ret */
    image_of_code(&image,
                  "\x48\x83\xec\x10\x48\x8d\x7c\x24\x08\x8b\x44\x24\x04\x8b\x44\x24\x08"
                  "\x89\x44\x24\x0c\xc3",
                  22);
    assert_int_equal(image.instructions[2].memory, MEMORY_STACK);
    assert_int_equal(image.instructions[3].memory, MEMORY_CHECKED);
    assert_int_equal(image.instructions[4].memory, MEMORY_CHECKED);
    /* push %rbp; sub $16,%rsp; mov %rsp,%rbp; mov (%rsp),%eax; mov 8(%rbp),%ecx; add $16,%rsp; pop %rbp; ret: no frame */
    image_of_code(&image,
                  "\x55\x48\x83\xec\x10\x48\x89\xe5\x8b\x04\x24\x8b\x4d\x08\x48\x83\xc4\x10"
                  "\x5d\xc3",
                  20);
    assert_int_equal(image.instructions[3].memory, MEMORY_CHECKED);
    assert_int_equal(image.instructions[4].memory, MEMORY_CHECKED);
    /* sub $16,%rsp; push %rax; lea 16(%rsp),%rdi; add $8,%rsp; mov 8(%rsp),%eax; ret */
    image_of_code(
        &image, "\x48\x83\xec\x10\x50\x48\x8d\x7c\x24\x10\x48\x83\xc4\x08\x8b\x44\x24\x08\xc3", 19);
    assert_int_equal(image.instructions[4].memory, MEMORY_CHECKED);
    /* mov %fs:0,%rax; mov %fs:-4,%eax; mov %fs:40,%rax; ret; then without the first */
    const char *code = "\x64\x48\x8b\x04\x25\0\0\0\0\x64\x8b\x04\x25\xfc\xff\xff\xff"
                       "\x64\x48\x8b\x04\x25\x28\0\0\0\xc3";
    image_of_code(&image, code, 27);
    assert_int_equal(image.instructions[1].memory, MEMORY_CHECKED);
    assert_int_equal(image.instructions[2].memory, MEMORY_THREAD);
    image_of_code(&image, code + 9, 18);
    assert_int_equal(image.instructions[0].memory, MEMORY_THREAD);
}

static void test_heads(void **unused)
{
    (void)unused;
    struct patch_image image;
    /* 0: nop; 1: inc %eax; jne 1b; dec %ecx; jne 0b; 2: call 3f; jne 2b; 3: ret */
    image_of_code(&image, "\x90\xff\xc0\x75\xfc\xff\xc9\x75\xf7\xe8\x02\0\0\0\x75\xf9\xc3", 17);
    patch_heads_choose(&image, &functions[0]);
    static const bool heads[] = {false, true, false, false, false, false, false, false};
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(heads[i], image.instructions[i].head);
}

/* Where a loop without branches walks there are spans, not where it goes by what it has read. */
static void test_spans(void **unused)
{
    (void)unused;
    struct patch_image image;
    /* 0: movzwl (%rdi),%eax; add $2,%rdi; lea 8(%rax),%r8; add (%rdx,%r8,8),%rcx; cmp %rsi,%rdi; jne 0b; ret */
    image_of_code(
        &image,
        "\x0f\xb7\x07\x48\x83\xc7\x02\x4c\x8d\x40\x08\x4a\x03\x0c\xc2\x48\x39\xf7\x75\xec\xc3", 21);
    patch_words_choose(&image, &functions[0]);
    assert_int_not_equal(image.instructions[0].span, 0);
    assert_int_equal(image.instructions[3].span, 0);
    /* 0: mov (%rdi,%rax,8),%rcx; add $1,%rax; cmp %rsi,%rax; jne 0b; ret */
    image_of_code(&image, "\x48\x8b\x0c\xc7\x48\x83\xc0\x01\x48\x39\xf0\x75\xf3\xc3", 14);
    patch_words_choose(&image, &functions[0]);
    assert_int_not_equal(image.instructions[0].span, 0);
}

static void test_scratch(void **unused)
{
    (void)unused;
    struct patch_image image;
    /* jmp 1f; 0: pop %rbx; ret; 1: mov %eax,(%rdi); mov %eax,(%rsi); test %eax,%eax; je 0b; add %ebx,%ecx; jne 1b; ret */
    image_of_code(&image, "\xeb\x02\x5b\xc3\x89\x07\x89\x06\x85\xc0\x74\xf6\x01\xd9\x75\xf4\xc3",
                  17);
    patch_live(&image, &functions[0]);
    const struct patch_instruction *in = image.instructions;
    struct emitter e = {.image = &image, .first = in, .last = in + 10};
    struct check first, second;
    patch_emit_choose(&e, &first, &in[3]);
    patch_emit_choose(&e, &second, &in[4]);
    /* not rax, which it stores, rsi, rbx or rcx, which the loop reads soon: the way back to a return is not a loop */
    assert_true(first.spill_a && first.a == 2 && first.spill_b && first.b == 5);
    /* ... nor what has just been spilled */
    assert_true(second.a == 11 && second.b == 10);
}

/* ---- entries ---- */

static void test_plan(void **unused)
{
    (void)unused;
    struct patch_image image;
    /* endbr64; mov (%rdi),%eax; add (%rsi),%eax; ret: the landing mark stays */
    image_of_code(&image, "\xf3\x0f\x1e\xfa\x8b\x07\x03\x06\xc3", 9);
    patch_discover_entries(&image);
    assert_true(patch_plan_entries(&image));
    assert_int_equal(image.plan[0], PLAN_NONE);
    assert_int_equal(image.plan[4], PLAN_JUMP);
    /* Nothing recorded before the return: stays as it is */
    image_of_code(&image, "\x31\xc0\xc3", 3);
    patch_discover_entries(&image);
    assert_true(patch_plan_entries(&image));
    assert_int_equal(image.plan[0], PLAN_NATIVE);
    /* Two bytes between a call's return and the next call: a short jump to dead bytes */
    image_of_code(&image,
                  "\x8b\x07\x8b\x06\x8b\x02\x8b\x07\x8b\x06\xff\xd0\x8b\x07\xff\xd0\x90\x90\x8b\x07"
                  "\x90\x90\x90\xc3",
                  24);
    patch_discover_entries(&image);
    assert_true(patch_plan_entries(&image));
    assert_int_equal(image.plan[12], PLAN_HOP);
    uint32_t hole = image.hole[12];
    for (uint32_t i = 0; i < JUMP_BYTES; i++)
        assert_false(image.marks[hole + i] & (MARK_KEEP | MARK_ENTRY));
}

static void test_reach(void **unused)
{
    (void)unused;
    static uint8_t out[4096];
    struct patch_image image = {.out = out, .out_end = out + sizeof out};
    uint64_t runs = UINT64_C(0x7f0000000000);
    image.shift = (int64_t)(runs - (uint64_t)(uintptr_t)out);
    assert_true(patch_reaches(&image, runs + INT32_MAX));
    assert_false(patch_reaches(&image, runs + INT32_MAX + 1u));
    assert_true(patch_reaches(&image, runs + sizeof out - 0x80000000u));
    assert_false(patch_reaches(&image, runs + sizeof out - 0x80000001u));
}

/* A jump to a sum goes nobody knows where, one to what was read from a table of addresses does not. */
static void test_sums(void **unused)
{
    (void)unused;
    static const struct {
        const char *code;
        uint32_t length;
        bool native;
    } met[] = {
        {"\x48\x01\xd0\xff\xe0", 5, true}, /* add %rdx,%rax; jmp *%rax */
        {"\x48\x01\xd1\x48\x8b\x07\xff\xe0", 8,
         false}, /* add %rdx,%rcx; mov (%rdi),%rax; jmp *%rax */
        {"\x48\x01\xd1\x48\x89\xc8\xff\xe0", 8, true}, /* add %rdx,%rcx; mov %rcx,%rax; jmp *%rax */
        {"\x48\x01\xd0\x48\x8b\x44\x24\x08\xff\xe0", 10,
         true}, /* ...; mov 8(%rsp),%rax; jmp *%rax */
        {"\x48\x8b\x07\x48\x01\xd1\x75\xfb\xff\xe0", 10,
         false}, /* mov (%rdi),%rax; add %rdx,%rcx; jne; jmp *%rax */
        {"\x75\x03\x48\x8b\x07\x48\x01\xd0\xff\xe0", 10,
         true},                                 /* jne; mov (%rdi),%rax; add %rdx,%rax; jmp *%rax */
        {"\x48\x8d\x04\x11\xff\xe0", 6, true},  /* lea (%rcx,%rdx),%rax; jmp *%rax */
        {"\x48\x29\xd0\xff\xe0", 5, true},      /* sub %rdx,%rax; jmp *%rax */
        {"\x48\x8d\x14\x11\xff\xe0", 6, false}, /* lea (%rcx,%rdx),%rdx; jmp *%rax */
    };
    for (size_t i = 0; i < sizeof met / sizeof *met; i++) {
        struct patch_image image;
        image_of_code(&image, met[i].code, met[i].length);
        assert_true(functions[0].summed);
        patch_discover_entries(&image);
        assert_int_equal(functions[0].native, met[i].native);
    }
}

/* An int3 behind a return is no breakpoint, one that control comes to may be. */
static void test_breakpoints(void **unused)
{
    (void)unused;
    struct patch_image image;
    /* test %edi,%edi; je to the second return; mov (%rdi),%eax; ret; int3; ret; int3 */
    image_of_code(&image, "\x85\xff\x74\x04\x8b\x07\xc3\xcc\xc3\xcc", 10);
    patch_discover_entries(&image);
    assert_false(functions[0].native);
    /* The second return is an int3 */
    image_of_code(&image, "\x85\xff\x74\x04\x8b\x07\xc3\xcc\xcc\xc3", 10);
    patch_discover_entries(&image);
    assert_true(functions[0].native);
    /* int3 in front of the first return */
    arena_begin(&arena, 0);
    uint8_t *text = memcpy(arena_take(&arena, 64), "\x8b\x07\xcc\xc3", 4);
    functions[0] = (struct patch_function){.end = 4};
    image = (struct patch_image){.text = text, .bytes = text, .size = 4, .arena = &arena};
    image.functions = functions;
    image.function_count = 1;
    assert_true(patch_decode_functions(&image));
    assert_true(functions[0].native);
}

/* ---- this program ---- */

__attribute__((noinline)) static int switched(int k, const int *p)
{
    switch (k) {
    case 0:
        return p[3];
    case 1:
        return p[1] * 3;
    case 2:
        return p[7] - 1;
    case 3:
        return p[2] ^ 77;
    case 4:
        return p[9] + p[0];
    case 5:
        return p[8] << 2;
    case 6:
        return -p[5];
    default:
        return 0;
    }
}

static int find_program(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    struct patch_image *image = data;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD)
            image->segments[image->segment_count++] =
                (struct patch_segment){low, low + header->p_memsz, header->p_flags & PF_W};
        if (header->p_type == PT_LOAD && header->p_flags & PF_X) {
            image->text = image->bytes = (const uint8_t *)low;
            image->size = (uint32_t)header->p_memsz;
        }
        if (header->p_type == PT_GNU_EH_FRAME)
            image->frames = (const uint8_t *)low;
    }
    return 1; /* the first is the program */
}

static void test_discover(void **unused)
{
    (void)unused;
    int numbers[10] = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    assert_int_equal(switched(atoi("2"), numbers), 11);
    struct patch_image image = {.arena = &arena};
    arena_begin(&arena, 0);
    dl_iterate_phdr(find_program, &image);
    assert_true(patch_discover_functions(&image) && patch_decode_functions(&image));
    patch_discover_entries(&image);
    uint32_t start = image_offset(&image, (uintptr_t)switched);
    const struct patch_function *function = image_function(&image, start);
    assert_non_null(function);
    assert_int_equal(function->start, start);
    assert_false(function->native);
    uint32_t entries = 0;
    for (uint32_t at = start; at < function->end; at++)
        entries += (image.marks[at] & MARK_ENTRY) != 0;
    if (function->summed) /* a jump table: each case is an entry */
        assert_true(function->table && entries >= 8);
    for (uint32_t i = 1; i < image.function_count; i++)
        assert_true(image.functions[i - 1].end <= image.functions[i].start);
    /* Functions by address, and the places after calls */
    start = image_offset(&image, (uintptr_t)test_discover);
    assert_true(image.marks[start] & MARK_ENTRY);
    function = image_function(&image, start);
    for (uint32_t i = function->first; i + 1 < function->last; i++)
        if (flow_calls(image.instructions[i].flow))
            assert_true(image.marks[image.instructions[i + 1].offset] & MARK_ENTRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_operands),
        cmocka_unit_test(test_strings_and_gathers),
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_frame_pointer),
        cmocka_unit_test(test_own_memory),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_breakpoints),
        cmocka_unit_test(test_discover),
    };
    if (!patch_decode_open())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
