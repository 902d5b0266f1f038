/*
 * Streams that are read while they are written.
 */
#include "analyzer/follow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyzer/trace_make.h"

#define WRITE4 (TRACE_KIND_WRITE | 2u << 4)

/* Records that were foreseen are a count that goes up where it lies: who reads on finds the new ones, in the window and when
 * that has become a chunk. */
static void counted(void **state)
{
    (void)state;
    struct trace_make *make = trace_make_new();
    char *error;
    struct access_cursor *cursor = calloc(1, sizeof(*cursor));
    struct trace_access *access = malloc(sizeof(*access));
    assert_true(cursor && access);
    make->chunk_size = TRACE_CHUNK_MIN;
    make_switch(make, 0, 1, 1);
    uint64_t made = 0, count = 0;
    for (; made < 8; made++)
        make_line(make, 0, WRITE4, 0x401110, 0x30000 + made * 64, 0xff);
    trace_make_write(make);
    struct follow *follow = follow_open(make->path, true, &error);
    assert_non_null(follow);
    for (uint32_t round = 0; round < 40; round++) {
        follow_advance(follow);
        if (round == 0)
            access_open(cursor, follow->trace, 0);
        else
            access_resume(cursor);
        while (access_next(cursor, access)) {
            if (access->type != TRACE_ACCESS_LINE)
                continue;
            assert_int_equal(access->address, 0x30000 + count * 64);
            assert_int_equal(access->mask, 0xff);
            count++;
        }
        assert_null(cursor->error);
        assert_int_equal(count, made);
        size_t size = make->access[0].size;
        uint64_t more = made + 5 + (round % 8 == 7 ? 500000 : 0);
        for (; made < more; made++)
            make_line(make, 0, WRITE4, 0x401110, 0x30000 + made * 64, 0xff);
        assert_true(round % 8 == 7 || size == make->access[0].size);
        trace_make_write(make);
    }
    free(cursor);
    free(access);
    trace_close(follow_close(follow));
    trace_make_free(make);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
