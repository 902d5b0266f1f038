#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/session.h"

/* What is no folder is the user's mistake, told from a folder without a trace. */
static void test_folder(void **state)
{
    (void)state;
    char path[] = "/tmp/gorocheck-session.XXXXXX";
    assert_non_null(mkdtemp(path));
    assert_true(session_folder(path));
    assert_int_equal(rmdir(path), 0);
    assert_false(session_folder(path));
    assert_false(session_folder("/proc/self/status"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
