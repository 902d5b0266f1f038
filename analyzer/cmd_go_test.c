/*
 * Unit tests of cmd_go.c: with scripts in the places of the go command and of gccgo, which write down how they were called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/cmd.h"
#include "analyzer/memory.h"

static char folder[] = "/tmp/gorocheck_go.XXXXXX";

static void script(const char *name, const char *text)
{
    char *path = memory_format("%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s", text);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
    free(path);
}

static char *told(const char *name)
{
    char *path = memory_format("%s/%s", folder, name), *text = memory_get(1, 4096);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, 4095, file)] = 0;
    fclose(file);
    unlink(path);
    free(path);
    return text;
}

static int call(char *first, char *second, char *third)
{
    char go[] = "go", *words[] = {go, first, second, third, NULL};
    return cmd_go(1 + !!first + !!second + !!third, words);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("PATH", folder, 1);
    setenv("OUT", folder, 1);
    setenv("TMPDIR", folder, 1);
    setenv("GOCACHE", folder, 1);
    unsetenv("GCCGO");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"go", "gccgo", "other"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *path = memory_format("%s/%s", folder, names[i]);
        unlink(path);
        free(path);
    }
    return rmdir(folder); /* fails if anything was left in it */
}

static void no_compiler(void **state)
{
    (void)state;
    assert_int_equal(call((char[]){"build"}, NULL, NULL), 1);
}

static void verbs(void **state)
{
    (void)state;
    static const struct {
        const char *verb, *expected;
        bool starts;
    } cases[] = {{"build", "build -compiler=gccgo", false},
                 {"vet", "vet -compiler=gccgo", false},
                 {"test", "test -compiler=gccgo -exec=", true},
                 {"run", "run -compiler=gccgo -exec=", true}};
    script("gccgo", "exit 0\n");
    script("go", "echo \"$@\" > $OUT/words\necho $GCCGO > $OUT/compiler\n"
                 "test -x $GCCGO && echo $GOROCHECK_GCCGO > $OUT/real\n"
                 "echo $GOCACHE > $OUT/cache\nexit 7\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char verb[16];
        snprintf(verb, sizeof(verb), "%s", cases[i].verb);
        setenv("GOCACHE", folder, 1);
        assert_int_equal(call(verb, (char[]){"-v"}, (char[]){"./..."}), 7); /* go's own status */
        char *words = told("words"), *compiler = told("compiler"), *real = told("real"),
             *cache = told("cache");
        assert_ptr_equal(strstr(words, cases[i].expected), words);
        assert_int_equal(strstr(words, " run -- ") != NULL, cases[i].starts);
        assert_non_null(strstr(words, " -v ./...\n"));
        assert_non_null(strstr(compiler, "/gorocheck-go."));
        assert_non_null(strstr(compiler, "/gccgo\n"));
        assert_non_null(strstr(real, "/gccgo\n")); /* found by what the go command was given */
        assert_string_not_equal(real, compiler);
        assert_non_null(strstr(cache, "/gorocheck-go-"));
        unsetenv("GCCGO");
        free(words);
        free(compiler);
        free(real);
        free(cache);
    }
}

/* The compilers of C for cgo: ourselves, which call those that were given. */
static void for_cgo(void **state)
{
    (void)state;
    script("gccgo", "exit 0\n");
    script("go", "echo \"$CC|$GOROCHECK_CC|$CXX|$GOROCHECK_CXX\" > $OUT/words\n");
    setenv("CC", "ccache gcc", 1);
    unsetenv("CXX");
    unsetenv("GOROCHECK_CXX");
    for (int again = 0; again < 2; again++) { /* what is ours already stays as it is */
        assert_int_equal(call((char[]){"build"}, NULL, NULL), 0);
        char *words = told("words");
        assert_non_null(strstr(words, " cc|ccache gcc|"));
        assert_non_null(strstr(words, " c++|\n"));
        free(words);
        unsetenv("GCCGO");
    }
    unsetenv("CC");
    unsetenv("CXX");
    unsetenv("GOROCHECK_CC");
}

/* GCCGO says which compiler to use. */
static void given(void **state)
{
    (void)state;
    char *path = memory_format("%s/other", folder);
    script("gccgo", "exit 0\n");
    script("other", "exit 0\n");
    script("go", "echo $GOROCHECK_GCCGO > $OUT/real\n");
    setenv("GCCGO", path, 1);
    assert_int_equal(call((char[]){"build"}, NULL, NULL), 0);
    char *real = told("real");
    assert_non_null(strstr(real, "/other\n"));
    unsetenv("GCCGO");
    free(real);
    free(path);
}

static void no_command(void **state)
{
    (void)state;
    assert_int_equal(call(NULL, NULL, NULL), 1);
    assert_int_equal(call((char[]){"fly"}, NULL, NULL), 0); /* says what there is */
}

/* In gccgo's place it wants to have been called by the go command. */
static void in_its_place(void **state)
{
    (void)state;
    char name[] = "gccgo", *words[] = {name, NULL};
    unsetenv("GOROCHECK_GCCGO");
    assert_int_equal(cmd_gccgo(1, words), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_compiler), cmocka_unit_test(verbs),   cmocka_unit_test(given),
        cmocka_unit_test(no_command),  cmocka_unit_test(for_cgo), cmocka_unit_test(in_its_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
