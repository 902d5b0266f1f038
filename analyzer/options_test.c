/* Unit tests of options.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/options.h"

static void values(void **state)
{
    (void)state;
    double seconds;
    uint64_t bytes;
    assert_true(options_time("30s", &seconds) && seconds > 29.9 && seconds < 30.1);
    assert_true(options_time("1.5m", &seconds) && seconds > 89.9 && seconds < 90.1);
    assert_true(options_time("7", &seconds) && seconds > 6.9 && seconds < 7.1);
    assert_false(options_time("", &seconds));
    assert_false(options_time("s", &seconds));
    assert_false(options_time("-1s", &seconds));
    assert_false(options_time("nan", &seconds));
    assert_false(options_time("3x", &seconds));
    assert_false(options_time("3ss", &seconds));
    assert_true(options_size("512M", &bytes) && bytes == UINT64_C(512) << 20);
    assert_true(options_size("2g", &bytes) && bytes == UINT64_C(2) << 30);
    assert_false(options_size("2T", &bytes));
}

static int parse(struct options *options, unsigned command, const char *const *words, char **error)
{
    char *copy[16];
    int count = 0;
    for (; words[count]; count++)
        copy[count] = (char *)(uintptr_t)words[count];
    copy[count] = NULL;
    options_default(options);
    return options_parse(options, command, count, copy, error);
}

static void command_line(void **state)
{
    (void)state;
    struct options options;
    char *error = NULL;
    const char *good[] = {"--format", "line", "--timeout=2s", "--keep", "--", "--app", "-x", NULL};
    assert_int_equal(parse(&options, OPTION_RUN, good, &error), 5);
    assert_string_equal(options.format, "line");
    assert_true(options.keep && options.timeout > 1.9);
    const char *no_dashes[] = {"--jobs", "3", "app", "--format", "x", NULL};
    assert_int_equal(parse(&options, OPTION_RUN, no_dashes, &error), 2);
    assert_int_equal(options.jobs, 3);
}

/* Options may follow what they are about, but not the program that is run. */
static void command_line_order(void **state)
{
    (void)state;
    struct options options;
    char *error = NULL;
    char *words[] = {(char *)(uintptr_t) "a",
                     (char *)(uintptr_t) "--format",
                     (char *)(uintptr_t) "json",
                     (char *)(uintptr_t) "b",
                     (char *)(uintptr_t) "--",
                     (char *)(uintptr_t) "--c",
                     NULL};
    options_default(&options);
    int first = options_parse(&options, OPTION_ANALYZE, 6, words, &error);
    assert_int_equal(first, 3);
    assert_string_equal(words[3], "a");
    assert_string_equal(words[4], "b");
    assert_string_equal(words[5], "--c");
    assert_string_equal(options.format, "json");
}

static void command_line_errors(void **state)
{
    (void)state;
    static const struct {
        const char *words[4];
        unsigned command;
        const char *says;
    } cases[] = {
        {{"--bogus", NULL}, OPTION_RUN, "no option '--bogus'"},
        {{"-k", NULL}, OPTION_RUN, "no option '-k'"},
        {{"--timeout", "1s", NULL}, OPTION_ANALYZE, "no option '--timeout'"},
        {{"--timeout", NULL}, OPTION_RUN, "--timeout needs a value"},
        {{"--keep=1", NULL}, OPTION_RUN, "--keep takes no value"},
        {{"--format", "xml", NULL}, OPTION_RUN, "'xml' is no value for --format"},
        {{"--exitcode", "300", NULL}, OPTION_RUN, "'300' is no value for --exitcode"},
        {{"--trace-dir", "a:b", NULL}, OPTION_RUN, "'a:b' is no value for --trace-dir"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct options options;
        char *error = NULL;
        assert_int_equal(parse(&options, cases[i].command, cases[i].words, &error), -1);
        assert_string_equal(error, cases[i].says);
        free(error);
    }
}

static void environment(void **state)
{
    (void)state;
    struct options options;
    char *error = NULL;
    options_default(&options);
    assert_true(options_environment(
        &options, "exitcode=7::stack_depth=9:log_path=/tmp/x=y:memory_limit_mb=3", &error));
    assert_null(error);
    assert_int_equal(options.exitcode, 7);
    assert_string_equal(options.log_path, "/tmp/x=y");
    assert_null(options.go_ignore[OPTION_GO_ANY]);
    assert_true(options_environment(
        &options, "go_ignore_top=a,b:go_ignore_any=c:go_ignore_created=d:go_ignore_current=1",
        &error));
    assert_string_equal(options.go_ignore[OPTION_GO_TOP], "a,b");
    assert_string_equal(options.go_ignore[OPTION_GO_ANY], "c");
    assert_string_equal(options.go_ignore[OPTION_GO_CREATED], "d");
    assert_non_null(options.go_ignore[OPTION_GO_CURRENT]);
    assert_true(options_environment(&options, "go_ignore_current=0", &error));
    assert_null(options.go_ignore[OPTION_GO_CURRENT]);
    assert_int_equal(options.memory_limit, 3 << 20);
    assert_true(options_environment(&options, "sites=all:patch_lazy=64K", &error));
    assert_true(options_environment(&options, "sites=0:patch_lazy=0", &error));
    assert_true(options_environment(&options, "unheard_of=1:exitcode=9", &error));
    assert_string_equal(error, "GOROCHECK_OPTIONS: no option 'unheard_of' (help=1 lists them)");
    assert_int_equal(options.exitcode, 9);
    free(error);
    static const char *const bad[] = {"exitcode=many", "exitcode",       "heap=maybe",
                                      "color=red",     "stack_depth=-1", "sites=some",
                                      "sites=",        "patch_lazy=1X",  "patch_lazy="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(options_environment(&options, bad[i], &error));
        assert_non_null(error);
        free(error);
    }
    options_free(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(command_line),
        cmocka_unit_test(command_line_order),
        cmocka_unit_test(command_line_errors),
        cmocka_unit_test(environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
