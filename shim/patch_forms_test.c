/*
 * What patch_decode() says of each instruction, against the processor: all opcodes of the legacy, VEX and EVEX maps, with
 * each prefix, with a memory operand and with registers, as far as this machine has them. Each is run alone, between pages
 * that are not there:
 *
 *   a general register, or the flags, of which it says that they are not read may hold anything: the same comes out;
 *   what it says is overwritten (so that a check before it may destroy it) comes out the same, whatever was there;
 *   a memory operand has exactly the bytes that it says, and is written if it says so.
 */
#include "shim/patch_code.h"

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "shim/patch_decode.c"
#include "shim/raw.h"

#define PAGE       4096u
#define FLAGS_SEEN 0x8d5u /* the six */
#define TRAP_FLAGS 0x246u
#define SP         4u

/* ---- one instruction is run ---- */

static struct machine {
    uint64_t registers[16]; /* rsp, too */
    uint64_t flags;
    uint64_t masks[8];
    uint8_t vectors[16][32];
} now __attribute__((aligned(64), used));

static uint64_t host_sp __attribute__((used)), below[64] __attribute__((used));
static const uint32_t mxcsr __attribute__((used)) = 0x1f80;
static const uint8_t *run_at __attribute__((used));
static bool has_masks;
void run_asm(void);
extern const uint8_t run_back[];

static_assert(offsetof(struct machine, flags) == 128 && offsetof(struct machine, masks) == 136 &&
                  offsetof(struct machine, vectors) == 200,
              "run_asm");
#define LOAD_V(n)  "vmovdqu 200+32*" #n "(%rax), %ymm" #n "\n"
#define STORE_V(n) "vmovdqu %ymm" #n ", 200+32*" #n "(%rax)\n"
#define ALL_V(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
__asm__(
    ".text\n.globl run_asm, run_back\nrun_asm:\n"
    "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp, host_sp(%rip)\n"
    "fninit\n"
    "lea now(%rip), %rax\n" ALL_V(
        LOAD_V) "pushq 128(%rax)\npopfq\n"
                "mov 8(%rax), %rcx\nmov 16(%rax), %rdx\nmov 24(%rax), %rbx\nmov 32(%rax), %rsp\n"
                "mov 40(%rax), %rbp\nmov 48(%rax), %rsi\nmov 56(%rax), %rdi\nmov 64(%rax), %r8\n"
                "mov 72(%rax), %r9\nmov 80(%rax), %r10\nmov 88(%rax), %r11\nmov 96(%rax), %r12\n"
                "mov 104(%rax), %r13\nmov 112(%rax), %r14\nmov 120(%rax), %r15\nmov (%rax), %rax\n"
                "jmp *run_at(%rip)\n"
                "run_back:\n"
                "mov %rsp, now+32(%rip)\n"
                "lea below+512(%rip), %rsp\n"
                "pushfq\n"
                "push %rax\n"
                "lea now(%rip), %rax\n"
                "mov %rcx, 8(%rax)\nmov %rdx, 16(%rax)\nmov %rbx, 24(%rax)\nmov %rbp, 40(%rax)\n"
                "mov %rsi, 48(%rax)\nmov %rdi, 56(%rax)\nmov %r8, 64(%rax)\nmov %r9, 72(%rax)\n"
                "mov %r10, 80(%rax)\nmov %r11, 88(%rax)\nmov %r12, 96(%rax)\nmov %r13, 104(%rax)\n"
                "mov %r14, 112(%rax)\nmov %r15, 120(%rax)\n"
                "popq (%rax)\npopq 128(%rax)\n" ALL_V(
                    STORE_V) "cld\nfninit\nldmxcsr mxcsr(%rip)\nvzeroupper\n"
                             "mov host_sp(%rip), %rsp\n"
                             "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\n"
                             "ret\n");

/* ---- where it may touch memory ---- */

static uint8_t *writable, *constant; /* one page, mapped twice, with nothing before and behind it */
static uint8_t *code, stack[1 << 16] __attribute__((aligned(64)));
static uint8_t contents[PAGE];
static volatile enum { FAULT_NONE, FAULT_PAGE, FAULT_OTHER } faulted;

static void on_fault(int number, siginfo_t *info, void *context)
{
    bool page = number == SIGSEGV && (info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR);
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    faulted = page ? FAULT_PAGE : FAULT_OTHER;
    registers[REG_RIP] = (greg_t)(uintptr_t)run_back;
    registers[REG_EFL] &= ~0x40500; /* single steps, backwards, alignment */
}

/* In each test: cmocka has handlers of its own. */
static void faults_begin(void)
{
    static uint8_t signal_stack[1 << 16];
    stack_t alternative = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP};
    sigaltstack(&alternative, NULL);
    for (uint32_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

/* `from` with the page's contents; in `now` what comes out. False: it cannot be run so. */
static bool run(const struct machine *from)
{
    memcpy(writable, contents, PAGE);
    memset(stack + sizeof stack / 2 - 64, 0, 128);
    now = *from;
    now.flags = (from->flags & FLAGS_SEEN) | 0x202;
    faulted = FAULT_NONE;
    if (has_masks) {
        uint64_t *k = now.masks;
        __asm__ volatile("kmovq %0, %%k1\nkmovq %1, %%k2\nkmovq %2, %%k3" ::"m"(k[1]), "m"(k[2]),
                         "m"(k[3]));
    }
    run_asm();
    if (has_masks) {
        uint64_t *k = now.masks;
        __asm__ volatile("kmovq %%k1, %0\nkmovq %%k2, %1\nkmovq %%k3, %2"
                         : "=m"(k[1]), "=m"(k[2]), "=m"(k[3]));
    }
    now.flags &= FLAGS_SEEN;
    return !faulted;
}

/* ---- what is found ---- */

static ZydisDecodedInstruction zydis;
static struct patch_instruction in;
static uint32_t forms, with_memory_run, elements_run, wrong;

static void complain(const char *what, uint32_t which)
{
    static uint8_t told[ZYDIS_MNEMONIC_MAX_VALUE + 1];
    wrong++;
    if (told[zydis.mnemonic]++ > 3)
        return;
    for (uint32_t i = 0; i < in.length; i++)
        print_message("%02x ", code[i]);
    print_message("(mnemonic %u): %s %u\n", (unsigned)zydis.mnemonic, what, which);
}

/* ---- the same whatever is dead ---- */

static uint64_t seed = 1;
static uint64_t chance(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed << 32 | seed >> 32;
}

static uint8_t page_after[PAGE];
static bool same(const struct machine *a, uint64_t undefined)
{
    return !memcmp(a->registers, now.registers, sizeof now.registers) &&
           !((a->flags ^ now.flags) & ~undefined) &&
           !memcmp(a->masks, now.masks, sizeof now.masks) &&
           !memcmp(a->vectors, now.vectors, sizeof now.vectors) &&
           !memcmp(page_after, writable, PAGE);
}

/* Small and large numbers, or none at all; pointers where instructions without a choice have theirs. */
static void first_state(struct machine *m, uint32_t set)
{
    for (uint32_t i = 0; i < 16; i++)
        m->registers[i] = set == 2 ? 0 : set == 1 ? chance() % 8 : chance();
    if (set == 3)
        m->registers[2] = 0; /* a dividend that is not too large */
    m->registers[3] = m->registers[6] = m->registers[7] = (uintptr_t)writable + PAGE / 4;
    m->registers[SP] = (uintptr_t)stack + sizeof stack / 2;
    m->flags = chance();
    for (uint32_t i = 0; i < 16 * 32; i++)
        m->vectors[i / 32][i % 32] = set == 2 ? 0 : (uint8_t)chance();
    for (uint32_t i = 0; i < PAGE; i++)
        contents[i] = set == 2 ? 0 : set == 1 ? i % 8 == 0 : (uint8_t)chance();
    for (uint32_t i = 0; i < 8; i++)
        m->masks[i] = 0;
    m->masks[1] = set == 2 ? 0 : chance();
}

static void try_dead(const struct machine *first, const struct machine *after)
{
    uint64_t undefined = zydis.cpu_flags ? zydis.cpu_flags->undefined : 0;
    for (uint32_t i = 0; i < 16; i++) {
        struct machine other = *first, expected = *after;
        if (i == SP || in.reads >> i & 1)
            continue;
        other.registers[i] = ~first->registers[i];
        if (!(in.changes >> i & 1))
            expected.registers[i] = other.registers[i];
        if (!run(&other) || !same(&expected, 0))
            complain(in.writes >> i & 1 ? "does not overwrite register" : "reads register", i);
    }
    if (in.bits & INSTRUCTION_READS_FLAGS)
        return;
    struct machine other = *first;
    other.flags = ~first->flags;
    bool ran = run(&other);
    if (!ran || !same(after, ~UINT64_C(0)))
        complain("reads flags", 0);
    else if (in.bits & INSTRUCTION_WRITES_FLAGS && !same(after, undefined))
        complain("does not overwrite flags", (uint32_t)((after->flags ^ now.flags) & ~undefined));
}

/* ---- the bytes of a memory operand ---- */

/* With the operand there. OTHER: what is there cannot be divided by, or has to be aligned. */
static bool faults(struct machine *first, uint8_t *address)
{
    first->registers[7] = (uintptr_t)address;
    run(first);
    return faulted == FAULT_PAGE;
}

/* `size` bytes at rdi + `distance`, and no others. */
static void try_bytes(struct machine first, uint32_t size, uint32_t distance)
{
    uint8_t *low = writable - distance, *high = writable + PAGE - size - distance;
    if (faults(&first, low))
        complain("touches bytes before", size);
    if (faults(&first, high))
        complain("touches bytes behind", size);
    if (!faults(&first, low - 1) && faulted == FAULT_NONE)
        complain("does not touch the first byte of", size);
    if (!faults(&first, high + 1) && faulted == FAULT_NONE)
        complain("does not touch the last byte of", size);
    bool writes = faults(&first, constant + PAGE / 2 - distance);
    if (faulted != FAULT_OTHER && writes != !!(in.bits & INSTRUCTION_WRITES))
        complain(writes ? "writes" : "does not write", size);
}

/* Bytes that it does not read make no difference. */
static void try_reads(const struct machine *first)
{
    if (in.bits & INSTRUCTION_READS || !run(first))
        return;
    struct machine after = now;
    for (uint32_t i = 0; i < in.size; i++)
        contents[PAGE / 4 + i] ^= 0xff;
    if (!run(first) || memcmp(after.registers, now.registers, sizeof now.registers) != 0 ||
        memcmp(after.vectors, now.vectors, sizeof now.vectors) != 0 || after.flags != now.flags)
        complain("reads", in.size);
}

static void set_element(uint8_t *vector, uint32_t i, uint32_t bytes, uint64_t value)
{
    if ((i + 1) * bytes <= 32)
        memcpy(vector + (size_t)i * bytes, &value, bytes);
}

/* Each element alone; of a gather its index is 16, and all others lead nowhere. */
static void try_elements(const struct machine *first)
{
    bool index = in.vector & VECTOR_INDEX;
    uint32_t wide = in.vector & VECTOR_WIDE ? 8 : 4;
    for (uint32_t i = 0; i < in.elements; i++) {
        struct machine m = *first;
        if ((!(in.vector & VECTOR_MASK_K) && (i + 1) * in.size > 32) ||
            (index && (i + 1) * wide > 32))
            continue;
        if (in.vector & VECTOR_MASK_K)
            m.masks[in.vector_mask] = UINT64_C(1) << i;
        else
            for (uint32_t k = 0; k < 32 / in.size; k++)
                set_element(m.vectors[in.vector_mask], k, in.size, k == i ? ~UINT64_C(0) : 0);
        for (uint32_t k = 0; index && k < 32 / wide; k++)
            set_element(m.vectors[in.vector_index], k, wide, k == i ? 16 : 0x70000000);
        try_bytes(m, in.size, index ? 16u * in.scale : in.vector & VECTOR_PACKED ? 0 : i * in.size);
        elements_run++;
    }
}

static void try_memory(const struct machine *first)
{
    with_memory_run += in.memory == MEMORY_CHECKED || in.memory == MEMORY_LOCKED;
    if (in.memory == MEMORY_VECTOR)
        try_elements(first);
    if ((in.memory != MEMORY_CHECKED && in.memory != MEMORY_LOCKED) || in.bit)
        return;
    try_bytes(*first, in.size, 0);
    try_reads(first);
}

/* ---- all forms ---- */

/* What would end the test, or the state it runs in: thread pointer, protection keys, a halt, another task of the kernel. */
static bool leave_alone(const ZydisDecodedOperand *operands)
{
    switch ((uint32_t)zydis.meta.category) {
    case ZYDIS_CATEGORY_VTX:
    case ZYDIS_CATEGORY_IO:
    case ZYDIS_CATEGORY_IOSTRINGOP:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_XSAVE:
    case ZYDIS_CATEGORY_MMX:
        if (zydis.meta.category != ZYDIS_CATEGORY_MMX)
            return true;
        break;
    default:
        break;
    }
    for (uint32_t i = 0; i < zydis.operand_count; i++)
        if (operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            operands[i].reg.value >= ZYDIS_REGISTER_ES &&
            operands[i].reg.value <= ZYDIS_REGISTER_GS &&
            operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
            return true;
    switch ((uint32_t)zydis.mnemonic) {
    case ZYDIS_MNEMONIC_VMMCALL:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE:
    case ZYDIS_MNEMONIC_WRPKRU:
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_MWAITX:
    case ZYDIS_MNEMONIC_UMWAIT:
    case ZYDIS_MNEMONIC_TPAUSE:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
        return true;
    default:
        return false;
    }
}

/* Of `length` bytes at `code` at least one is an instruction. */
static void try_form(bool first_form)
{
    uint64_t value;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecoderContext context;
    if (!patch_decode(code, 15, (uintptr_t)code, &in, &value) || in.flow != FLOW_NEXT ||
        in.bits & INSTRUCTION_RELATIVE || in.memory == MEMORY_SYSTEM || in.memory == MEMORY_THREAD)
        return;
    decode_instruction(&decoder, &context, code, 15, &zydis);
    decode_operands(&decoder, &context, &zydis, operands, zydis.operand_count);
    if (leave_alone(operands) || (!(zydis.attributes & ZYDIS_ATTRIB_HAS_MODRM) && !first_form))
        return;
    uint8_t behind[16];
    memcpy(behind, code + in.length, sizeof behind);
    static const uint8_t jump[6] = {0xff, 0x25};
    memcpy(code + in.length, jump, sizeof jump);
    uintptr_t back = (uintptr_t)run_back;
    memcpy(code + in.length + 6, &back, sizeof back);
    bool ran = false;
    uint32_t wrong_before = wrong;
    for (uint32_t set = 0; set < 4 && wrong == wrong_before; set++) {
        static struct machine first, after;
        first_state(&first, set);
        if (!run(&first))
            continue;
        after = now;
        memcpy(page_after, writable, PAGE);
        if (!run(&first) || !same(&after, 0)) /* the time, or a random number */
            break;
        try_dead(&first, &after);
        if (!ran && in.base == 7 && in.displacement == 0 && in.index == PATCH_NO_REGISTER)
            try_memory(&first);
        ran = true;
    }
    forms += ran;
    memcpy(code + in.length, behind, sizeof behind);
}

/* The opcode, and what follows: a memory operand at rdi, registers, a vector of indices. */
#define BEHIND "\x03\0\0\0\0\0\0\0\0\0"
static void try_operands(uint8_t *behind_prefix, uint32_t opcode, bool all)
{
    behind_prefix[0] = (uint8_t)opcode;
    for (uint32_t reg = 0; reg < 8; reg += all ? 1 : 5) {
        for (uint32_t registers = 0; registers < 2; registers++) {
            behind_prefix[1] = (uint8_t)(registers ? 0xc1 | reg << 3 : 7 | reg << 3);
            memcpy(behind_prefix + 2, BEHIND, sizeof BEHIND);
            try_form(reg == 0 && !registers);
        }
        behind_prefix[1] = (uint8_t)(4 | reg << 3);
        behind_prefix[2] = 0x80 | 3 << 3 | 7; /* (rdi, 3, 4) */
        if (code[0] == 0xc4 || code[0] == 0x62)
            try_form(false);
    }
}

static bool prefix(uint32_t opcode)
{
    return (opcode & 0xf0) == 0x40 || (opcode & 0xe7) == 0x26 || (opcode & 0xfc) == 0x64 ||
           opcode == 0xf0 || opcode == 0xf2 || opcode == 0xf3 || opcode == 0x62 || opcode == 0xc4 ||
           opcode == 0xc5;
}

/* Where ModRM says which instruction it is. */
static bool group(uint32_t map, uint32_t opcode)
{
    if (map)
        return opcode < 2 || opcode == 0x0d || (opcode & 0xf8) == 0x18 ||
               (opcode >= 0x71 && opcode <= 0x73) || opcode == 0xae || opcode == 0xba ||
               opcode == 0xc7;
    return (opcode & 0xfc) == 0x80 || opcode == 0x8f || opcode >= 0xf6 || (opcode & 0xf8) == 0xd8 ||
           (opcode & 0xfe) == 0xc0 || (opcode & 0xfe) == 0xc6 || (opcode & 0xfc) == 0xd0;
}

static void test_legacy(void **unused)
{
    (void)unused;
    faults_begin();
    static const char *const prefixes[] = {
        "",     "\x66",     "\xf2", "\xf3", "\x48",     "\x66\x48", "\xf2\x48", "\xf3\x48",
        "\xf0", "\xf0\x48", "\x41", "\x44", "\xf0\x66", "\x66\xf2", "\x66\xf3"};
    static const char *const maps[] = {"", "\x0f", "\x0f\x38", "\x0f\x3a"};
    for (uint32_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++)
        for (uint32_t map = 0; map < 4; map++)
            for (uint32_t opcode = 0; opcode < 256; opcode++) {
                size_t length = strlen(prefixes[p]);
                memcpy(code, prefixes[p], length);
                memcpy(code + length, maps[map], strlen(maps[map]));
                if (!map && (prefix(opcode) || opcode == 0x0f))
                    continue;
                try_operands(code + length + strlen(maps[map]), opcode,
                             map < 2 && group(map, opcode));
            }
}

static void test_vex(void **unused)
{
    (void)unused;
    faults_begin();
    if (!patch_has_bmi2)
        skip();
    for (uint32_t map = 1; map < 4; map++)
        for (uint32_t last = 0; last < 16; last++)
            for (uint32_t second = 0; second < 2; second++)
                for (uint32_t opcode = 0; opcode < 256; opcode++) {
                    bool many =
                        map == 1 ? opcode >= 0x71 && opcode < 0x74 : map == 2 && opcode == 0xf3;
                    code[0] = 0xc4;
                    code[1] = (uint8_t)(0xe0 | map);
                    code[2] = (uint8_t)((last & 8) << 4 | (second ? 0x68 : 0x78) | (last & 7));
                    try_operands(code + 3, opcode, many);
                }
}

/* Without a mask, with one, and with the element of memory for all. */
static void test_evex(void **unused)
{
    (void)unused;
    faults_begin();
    if (!has_masks)
        skip();
    for (uint32_t map = 1; map < 4; map++)
        for (uint32_t last = 0; last < 24; last++)
            for (uint32_t way = 0; way < 6; way++)
                for (uint32_t opcode = 0; opcode < 256; opcode++) {
                    bool many = map == 1 && opcode >= 0x71 && opcode < 0x74;
                    code[0] = 0x62;
                    code[1] = (uint8_t)(0xf0 | map);
                    code[2] = (uint8_t)((last & 4) << 5 | (way & 1 ? 0x6c : 0x7c) | (last & 3));
                    code[3] =
                        (uint8_t)((last / 8) << 5 | 8 | (way / 2 == 1) | (way / 2 == 2 ? 0x10 : 0));
                    try_operands(code + 4, opcode, many);
                }
}

static void test_none_is_wrong(void **unused)
{
    (void)unused;
    print_message("%u forms ran, %u times with memory, %u elements\n", forms, with_memory_run,
                  elements_run);
    assert_int_equal(wrong, 0);
    assert_true(forms > 3000);
}

static int setup(void **unused)
{
    (void)unused;
    int fd = memfd_create("page", 0), fixed = MAP_SHARED | MAP_FIXED;
    assert_true(fd >= 0 && raw2(SYS_ftruncate, fd, PAGE) == 0);
    int own = MAP_PRIVATE | MAP_ANONYMOUS;
    uint8_t *room = raw_map(NULL, 16 * PAGE, PROT_NONE, own, -1, 0);
    writable = raw_map(room + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE, fixed, fd, 0);
    constant = raw_map(room + 10 * PAGE, PAGE, PROT_READ, fixed, fd, 0);
    code = raw_map(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, own, -1, 0);
    assert_true(writable && constant && code);
    run_at = code;
    unsigned a = 0, b = 0, c = 0, d = 0;
    has_masks = __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1u << 30;
    assert_true(patch_decode_open());
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_legacy), cmocka_unit_test(test_vex),
                                       cmocka_unit_test(test_evex),
                                       cmocka_unit_test(test_none_is_wrong)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
