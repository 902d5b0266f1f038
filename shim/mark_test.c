/*
 * Marks against a plain array of bytes: exact to the byte across lines, pages and leaves, and cleared exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/mark.c"
#include "shim/raw.h"

#define BASE  (UINT64_C(0x7f1240000000) - 3 * MARK_LEAF - 5000) /* crosses a top entry */
#define BYTES ((uint32_t)(5 * MARK_LEAF))

static uint8_t model[BYTES];
static bool no_memory;

void *memory_get(size_t size)
{
    return no_memory ? NULL : raw_map(NULL, size, 3, 0x4022, -1, 0);
}

static bool marked(uintptr_t address)
{
    return mark_of_line(address) >> address % MARK_LINE & 1;
}

static void compare(uint32_t low, uint32_t high)
{
    for (uint32_t i = low; i < high; i++)
        if (marked(BASE + i) != model[i])
            fail_msg("byte %u is %smarked", i, model[i] ? "not " : "");
}

static uint32_t roll(uint32_t below)
{
    return (uint32_t)random() % below;
}

static void set(uint32_t at, uint32_t size)
{
    bool fresh = false;
    for (uint32_t i = at; i < at + size; i++) {
        fresh |= !model[i];
        model[i] = 1;
    }
    assert_int_equal(mark_set(BASE + at, size), fresh);
}

static void clear(uint32_t at, uint32_t size)
{
    memset(model + at, 0, size);
    mark_clear(BASE + at, size);
}

static void marks_are_exact(void **unused)
{
    (void)unused;
    memset(model, 0, sizeof model);
    srandom(1);
    for (uint32_t round = 0; round < 300; round++) {
        uint32_t center = 5000 + roll(BYTES - 20000);
        if (round % 3 == 0) /* around the edges of a leaf */
            center = 5000 + (uint32_t)MARK_LEAF * (1 + roll(3)) - roll(200);
        for (uint32_t i = 0; i < 60; i++)
            set(center + roll(300), 1 + roll(16));
        clear(center + roll(300), 1 + roll(roll(4) ? 200 : 9000));
        compare(center - 500, center + 10000);
    }
    compare(0, BYTES);
    clear(0, BYTES);
    compare(0, BYTES);
}

static void wide_marks(void **unused)
{
    (void)unused;
    memset(model, 0, sizeof model);
    for (uint32_t at = 0; at < 130; at++) {
        set(at, 64);
        compare(0, 300);
        clear(at, 64);
    }
}

static void nothing_is_marked_without_memory(void **unused)
{
    (void)unused;
    no_memory = true;
    assert_false(mark_set(0x1000, 8));
    assert_false(marked(0x1000));
    no_memory = false;
    assert_true(mark_set(0x1000, 8));
    assert_true(marked(0x1007));
    mark_clear(0, 0x2000);
    assert_false(marked(0x1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_exact),
        cmocka_unit_test(wide_marks),
        cmocka_unit_test(nothing_is_marked_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
