/*
 * Memory for the recorder, and what a fork child finds of it that was made while another thread took some.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shim/memory.c"

static void filled(uint8_t *piece, size_t size)
{
    assert_non_null(piece);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(piece[i], 0);
        piece[i] = 1;
    }
}

static void pieces_are_zero_and_apart(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {1, 64, 65, 4096, ARENA / 4, ARENA / 4 + 1, ARENA};
    for (int round = 0; round < 8; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            filled(memory_get(sizes[i]), sizes[i]);
    for (size_t size = 4096; size < 2 * HUGE; size += HUGE) {
        uint8_t *pages = memory_get_aligned(size);
        assert_int_equal((uintptr_t)pages % HUGE, 0);
        memory_huge(pages, size);
        filled(pages, size);
    }
}

static void a_fork_child_is_not_locked_out(void **unused)
{
    (void)unused;
    filled(memory_get(64), 64);
    spin_lock(&memory_lock);
    arena_end =
        arena - 64; /* the other thread had taken a new arena, and not yet said where it ends */
    memory_fork_child();
    filled(memory_get(ARENA / 4), ARENA / 4);
    filled(memory_get(64), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zero_and_apart),
        cmocka_unit_test(a_fork_child_is_not_locked_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
