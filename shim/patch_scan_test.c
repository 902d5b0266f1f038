/*
 * patch_scan() against patch_decode(), instruction by instruction, of all code that is mapped here (the C library, the
 * decoder, this program): the invariant that patch_scan.c begins with.
 */
#include "shim/patch_scan.h"

#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "shim/patch_decode.c"
#include "shim/patch_scan.c"

static size_t compared;

static bool is_direct(const struct patch_instruction *in)
{
    return in->flow == FLOW_BRANCH || in->flow == FLOW_LOOP || in->flow == FLOW_JUMP ||
           in->flow == FLOW_CALL;
}

static bool entries_depend_on(uint8_t trait)
{
    return trait == TRAIT_LEA_RIP || trait == TRAIT_ENDBR || trait == TRAIT_ADD ||
           trait == TRAIT_SUM || trait == TRAIT_ADDRESS || trait == TRAIT_FRAME;
}

static const char *differs(const struct patch_instruction *scan, uint64_t scan_value,
                           const struct patch_instruction *full, uint64_t full_value)
{
    uint32_t both = scan->bits & full->bits, either = scan->bits | full->bits;
    if (scan->length != full->length)
        return "length";
    if (scan->flow != full->flow)
        return "flow";
    if ((is_direct(full) || full_value > 0x10000) && scan_value != full_value)
        return "value";
    if (either & ~both & INSTRUCTION_RELATIVE)
        return "relative";
    if (both & INSTRUCTION_RELATIVE && (scan->displacement != full->displacement ||
                                        scan->displacement_at != full->displacement_at))
        return "displacement";
    if (instruction_checked(full) && !instruction_checked(scan))
        return "access";
    if ((full->memory == MEMORY_STACK && scan->memory != MEMORY_CHECKED) ||
        (full->trait == TRAIT_ADDRESS && full->memory == MEMORY_NONE))
        if (scan->memory != full->memory || scan->base != full->base ||
            scan->displacement != full->displacement)
            return "own stack";
    if (full->memory == MEMORY_THREAD && full->local &&
        !(scan->memory == MEMORY_THREAD && scan->local))
        return "own variable";
    if (full->flow == FLOW_JUMP_INDIRECT && full->memory != MEMORY_NONE &&
        (scan->base != full->base || scan->index != full->index ||
         scan->displacement != full->displacement))
        return "table";
    if (scan->trait == TRAIT_NOP && full->trait != TRAIT_NOP)
        return "nop";
    uint8_t of_scan = entries_depend_on(scan->trait) ? scan->trait : 0;
    uint8_t of_full = entries_depend_on(full->trait) ? full->trait : 0;
    return of_scan != of_full ? "trait" : NULL;
}

/* Constants among the code may be taken for instructions by the one and not by the other. */
static void compare(const uint8_t *code, size_t size)
{
    for (size_t at = 0; at < size;) {
        struct patch_instruction scan, full;
        uint64_t scan_value, full_value;
        uintptr_t address = (uintptr_t)code + at;
        if (!patch_decode(code + at, size - at, address, &full, &full_value)) {
            at++;
            continue;
        }
        assert_true(patch_scan(code + at, size - at, address, &scan, &scan_value));
        const char *what = differs(&scan, scan_value, &full, full_value);
        if (what)
            fail_msg("%s: %02x %02x %02x %02x %02x %02x %02x %02x", what, code[at], code[at + 1],
                     code[at + 2], code[at + 3], code[at + 4], code[at + 5], code[at + 6],
                     code[at + 7]);
        compared++;
        at += full.length;
    }
}

static int module(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X)
            compare((const uint8_t *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
                    info->dlpi_phdr[i].p_memsz);
    return 0;
}

static void test_all_code(void **unused)
{
    (void)unused;
    dl_iterate_phdr(module, NULL);
    assert_true(compared > 300000); /* the C library has 340,000 */
}

/* Short of bytes, the end is not overrun. */
static void test_ends(void **unused)
{
    (void)unused;
    static const uint8_t code[] = {0x48, 0x8b, 0x84, 0x24, 0x10, 0x20, 0x30, 0x40};
    struct patch_instruction in;
    uint64_t value;
    for (size_t room = 0; room < sizeof code; room++)
        assert_false(patch_scan(code, room, 0x1000, &in, &value));
    assert_true(patch_scan(code, sizeof code, 0x1000, &in, &value));
    assert_int_equal(in.length, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_code),
                                       cmocka_unit_test(test_ends)};
    if (!patch_decode_open())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
