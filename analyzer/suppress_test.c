/* Unit tests of suppress.c: patterns, files, what is matched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/memory.h"
#include "analyzer/suppress.h"

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"foo", "a_foo_b", true},      {"^foo", "a_foo", false}, {"^foo", "foo_a", true},
        {"foo$", "a_foo", true},       {"foo$", "foo_a", false}, {"^foo$", "foo", true},
        {"^foo$", "fooo", false},      {"f*o", "axfbbox", true}, {"^f*o$", "fabco", true},
        {"^f*o$", "fabcox", false},    {"*", "", true},          {"a*b*c", "xxaybzc", true},
        {"a*b*c", "acb", false},       {"", "anything", true},   {"^*$", "x", true},
        {"ns::f", "ns::f(int)", true}, {"^$", "x", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(suppress_pattern(cases[i].pattern, cases[i].text), cases[i].fits);
    assert_false(suppress_pattern("*", NULL));
}

static char *file_with(const char *text)
{
    char *path = memory_text("/tmp/gorocheck_suppress.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static bool read_text(struct suppressions *list, const char *text, char **error)
{
    char *path = file_with(text);
    bool good = suppressions_read(list, path, error);
    unlink(path);
    if (!good) { /* the name of the file is cut off: it is another one each time */
        char *rest = memory_text(*error + strlen(path));
        free(*error);
        *error = rest;
    }
    free(path);
    return good;
}

static struct finding *finding_at(enum finding_kind kind, enum part_role role, const char *function,
                                  const char *file, const char *module)
{
    struct finding *finding = finding_new(kind, FINDING_PROVED, "rule");
    struct stack stack = {.count = 2};
    stack.frames = memory_get(2, sizeof(*stack.frames));
    stack.frames[0].function = memory_text("inner");
    stack.frames[0].module = memory_text("/usr/lib/libinner.so");
    stack.frames[1].function = memory_text(function);
    stack.frames[1].file = memory_text(file);
    stack.frames[1].module = memory_text(module);
    finding_part(finding, role, 1, stack);
    finding_set(&finding->object, "counter");
    return finding;
}

static void matching(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum finding_kind kind;
        bool fits;
    } cases[] = {
        {"race:^outer$", FINDING_RACE, true},
        {"race:a.c", FINDING_RACE, true},
        {"race:libouter", FINDING_RACE, true},
        {"race:^counter$", FINDING_RACE, true},
        {"race:other", FINDING_RACE, false},
        {"deadlock:outer", FINDING_RACE, false},
        {"race_top:outer", FINDING_RACE, false},
        {"race_top:inner", FINDING_RACE, true},
        {"thread:outer", FINDING_UNJOINED, true},
        {"unjoined:outer", FINDING_UNJOINED, true},
        {"mutex:outer", FINDING_MISUSE, true},
        {"blocked:outer", FINDING_BLOCKED, true},
        {"called_from_lib:libinner", FINDING_RACE, true},
        {"called_from_lib:libouter", FINDING_RACE, false},
        {"signal:outer", FINDING_RACE, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct suppressions list;
        char *error = NULL;
        struct finding *finding =
            finding_at(cases[i].kind, PART_ACCESS, "outer", "/src/a.c", "/opt/libouter.so");
        assert_true(read_text(&list, cases[i].line, &error));
        if (suppressions_match(&list, finding) != cases[i].fits)
            fail_msg("%s", cases[i].line);
        assert_int_equal(list.items[0].hits, cases[i].fits);
        finding_free(finding);
        suppressions_free(&list);
    }
}

/* A goroutine made by main.start at watch.go:7 that waits in main.watch, called by main.serve. */
static struct finding *goroutine_finding(const char *maker)
{
    static const struct {
        enum part_role role;
        const char *functions[3];
    } parts[] = {{PART_WAIT, {"runtime.chanrecv1", "main.watch", "main.serve"}},
                 {PART_TASK, {NULL, NULL, NULL}}};
    struct finding *finding = finding_new(FINDING_BLOCKED, FINDING_PROVED, "no-sender");
    finding->goroutine = true;
    for (size_t i = 0; i < 2; i++) {
        struct stack stack = {.frames = memory_get(3, sizeof(*stack.frames))};
        for (; stack.count < 3 && (i == 0 || !stack.count); stack.count++) {
            struct frame *frame = &stack.frames[stack.count];
            frame->function = memory_text(i ? maker : parts[i].functions[stack.count]);
            frame->file = memory_text("/src/watch.go");
            frame->line = i ? 7 : 20;
        }
        finding_part(finding, parts[i].role, 2, stack);
    }
    return finding;
}

static void goroutines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool fits;
    } cases[] = {
        {"goroutine:main.serve", true},
        {"goroutine:^main.start$", true},
        {"goroutine:main.other", false},
        {"goroutine_top:^main.watch$", true},
        {"goroutine_top:main.serve", false},
        {"goroutine_top:runtime",
         false}, /* what the runtime does there is no function of the program */
        {"goroutine_top:main.start", false},
        {"goroutine_created:main.start", true},
        {"goroutine_created:watch.go:7", true},
        {"goroutine_created:watch.go:20", false},
        {"goroutine_created:main.watch", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct suppressions list;
        char *error = NULL;
        struct finding *finding = goroutine_finding("main.start");
        assert_true(read_text(&list, cases[i].line, &error));
        if (suppressions_goroutine(&list, finding) != cases[i].fits)
            fail_msg("%s", cases[i].line);
        assert_int_equal(list.items[0].hits, cases[i].fits);
        assert_false(suppressions_match(&list, finding)); /* that is for the other lines */
        finding->goroutine = false;                       /* of threads */
        assert_false(suppressions_goroutine(&list, finding));
        finding_free(finding);
        suppressions_free(&list);
    }
}

static bool current(const char *maker)
{
    struct suppressions list = {0};
    struct finding *finding = goroutine_finding(maker);
    suppressions_option(&list, "go_ignore_current", SUPPRESS_GO_CURRENT, "1");
    bool fits = suppressions_goroutine(&list, finding);
    finding_free(finding);
    suppressions_free(&list);
    return fits;
}

static void goroutine_options(void **state)
{
    (void)state;
    struct suppressions list = {0};
    struct finding *finding = goroutine_finding("main.start");
    suppressions_option(&list, "go_ignore_top", SUPPRESS_GO_TOP, "main.nothing,^main.watch$");
    assert_int_equal(list.count, 2);
    assert_true(suppressions_goroutine(&list, finding));
    assert_int_equal(list.items[0].hits, 0);
    assert_int_equal(list.items[1].hits, 1);
    assert_string_equal(list.items[1].text, "go_ignore_top=^main.watch$");
    finding_free(finding);
    suppressions_free(&list);
    assert_true(current("main.init.0"));
    assert_true(current("example.org/m.init.12"));
    assert_true(current("main..import"));
    assert_true(current("example.org/m.TestMain"));
    assert_false(current("main.main"));
    assert_false(current("example.org/m.TestMainly"));
    assert_false(current("main.initialise"));
}

static void files(void **state)
{
    (void)state;
    struct suppressions list;
    char *error = NULL;
    assert_true(read_text(&list, "# a comment\n\n  race:foo  \nthread:bar", &error));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].text, "race:foo");
    assert_int_equal(list.items[1].line, 4);
    suppressions_free(&list);
    assert_false(read_text(&list, "race:foo\nrubbish\n", &error));
    assert_string_equal(error, ":2: not a suppression (kind:pattern): rubbish");
    free(error);
    suppressions_free(&list);
    assert_false(read_text(&list, "rage:foo\n", &error));
    assert_string_equal(error, ":1: no kind of suppression: rage");
    free(error);
    suppressions_free(&list);
    assert_false(suppressions_read(&list, "/nonexistent/file", &error));
    assert_string_equal(error, "/nonexistent/file: No such file or directory");
    free(error);
    suppressions_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),   cmocka_unit_test(matching),
        cmocka_unit_test(goroutines), cmocka_unit_test(goroutine_options),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
