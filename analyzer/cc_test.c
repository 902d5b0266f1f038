/* Unit tests of cc.c: what a compiler's command line asks for, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/cc.h"
#include "analyzer/memory.h"

static struct words split(const char *line)
{
    struct words words = {0};
    char *copy = memory_text(line), *save = NULL;
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        words_add(&words, word);
    free(copy);
    return words;
}

#define LINK                                                           \
    " -x none -Wl,--push-state,--whole-archive /s/libgorocheck_near.a" \
    " -Wl,--no-whole-archive,--no-as-needed /s/libtsan.so.2 -Wl,--pop-state -Wl,-rpath,/s"

static void commands(void **state)
{
    (void)state;
    static const struct {
        const char *given, *made;
        bool clang;
    } cases[] = {
        {"--version", "cc --version", false},
        {"-c a.c -o a.o", "cc -g -c a.c -o a.o -fsanitize=thread -Wno-tsan", false},
        {"-g3 -S a.c", "cc -g3 -S a.c -fsanitize=thread -Wno-tsan", false},
        {"-E a.c", "cc -E a.c -fsanitize=thread -Wno-tsan", false},
        {"a.o -o a", "cc a.o -o a" LINK, false},
        {"-fsanitize=thread a.o -static-libtsan", "cc a.o" LINK, false},
        {"a.c b.o", "cc -L/l -g a.c b.o -fsanitize=thread -Wno-tsan" LINK, false},
        {"-flto a.o", "cc -L/l -flto a.o -fsanitize=thread -Wno-tsan" LINK, false},
        {"-r a.o b.o -o c.o", "cc -r a.o b.o -o c.o", false},
        {"-shared -o a.so a.o", "cc -shared -o a.so a.o" LINK, false},
        {"-x c -", "cc -L/l -g -x c - -fsanitize=thread -Wno-tsan" LINK, false},
        {"a.h", "cc -g a.h -fsanitize=thread -Wno-tsan", false},
        {"-o a.c a.o", "cc -o a.c a.o" LINK, false},
        {"-c a.c", "cc -g -c a.c -fsanitize=thread -Qunused-arguments", true},
        {"a.o", "cc a.o -Qunused-arguments" LINK, true},
        {"a.c", "cc -g a.c -fsanitize=thread -Qunused-arguments -fno-sanitize-link-runtime" LINK,
         true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct words compiler = split("cc"), words = split(cases[i].given);
        struct cc_request request = cc_read(&words);
        struct words command = cc_command(&compiler, &words, &request, cases[i].clang, "/s",
                                          cc_needs_shadow(&request, cases[i].clang) ? "/l" : NULL);
        char *line = memory_text(command.items[0]);
        for (unsigned j = 1; j < command.count; j++) {
            char *longer = memory_format("%s %s", line, command.items[j]);
            free(line);
            line = longer;
        }
        assert_string_equal(line, cases[i].made);
        free(line);
        words_free(&compiler);
        words_free(&words);
        words_free(&command);
    }
}

static void static_programs(void **state)
{
    (void)state;
    struct words words = split("-static a.c");
    assert_true(cc_read(&words).is_static);
    words_free(&words);
    words = split("-static-libgcc a.c");
    assert_false(cc_read(&words).is_static);
    words_free(&words);
}

static void response_files(void **state)
{
    (void)state;
    char path[] = "/tmp/gorocheck_cc.XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "-DX=\"a b\" 'c d.c'\n  e\\ f.o \t-DY=''\n";
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    char *at = memory_format("@%s", path);
    char *const argv[] = {at, (char *)(uintptr_t) "@/nonexistent"};
    struct words words = {0};
    words_expand(&words, 2, argv);
    assert_int_equal(words.count, 5);
    assert_string_equal(words.items[0], "-DX=a b");
    assert_string_equal(words.items[1], "c d.c");
    assert_string_equal(words.items[2], "e f.o");
    assert_string_equal(words.items[3], "-DY=");
    assert_string_equal(words.items[4], "@/nonexistent");
    words_free(&words);
    unlink(path);
    free(at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),
        cmocka_unit_test(static_programs),
        cmocka_unit_test(response_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
