/* Unit tests of family.c and target.c, with real processes and programs. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/family.h"
#include "analyzer/target.h"

static struct family shell(const char *script, double timeout)
{
    char *const argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t)script, NULL};
    struct family family = family_run("/bin/sh", argv, (struct family_limits){.timeout = timeout});
    family_done(&family);
    return family;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void ends(void **state)
{
    (void)state;
    struct family family = shell("exit 7", 0);
    assert_int_equal(family_status(&family), 7);
    assert_true(family.killed == 0);
    family = shell("kill -TERM $$", 10);
    assert_int_equal(family_status(&family), 128 + SIGTERM);
    char *const argv[] = {(char *)(uintptr_t) "x", NULL};
    family = family_run("/nonexistent", argv, (struct family_limits){0});
    family_done(&family);
    assert_int_equal(family.start_error, ENOENT);
}

/* The child of a child, whose parent has gone, is ended too. */
static void times_out(void **state)
{
    (void)state;
    char path[] = "/tmp/gorocheck_family.XXXXXX", script[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    snprintf(script, sizeof(script), "(sh -c 'echo $$ > %s; sleep 100' &) ; sleep 100", path);
    double start = seconds();
    struct family family = shell(script, 0.5);
    assert_true(family.killed > 0 && !family.refused);
    assert_true(family.end_tsc && family.end_ns);
    assert_true(seconds() - start < 8);
    char text[32] = "";
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    assert_int_equal(kill(atoi(text), 0), -1);
    assert_int_equal(errno, ESRCH);
    close(fd);
    unlink(path);
}

/* A shell, whose parent runs a family. */
static pid_t sender(const char *script)
{
    pid_t child = fork();
    if (child)
        return child;
    execl("/bin/sh", "sh", "-c", script, (char *)NULL);
    _exit(127);
}

static struct family asked(const char *script, const char *signals, struct family_limits limits)
{
    char *const argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t)script, NULL};
    pid_t child = sender(signals);
    struct family family = family_run("/bin/sh", argv, limits);
    family_done(&family);
    waitpid(child, NULL, 0);
    return family;
}

/* A program that does not end when asked to: a second request, or the grace, ends it; two in quick succession are one. */
static void refuses(void **state)
{
    (void)state;
    const char *deaf = "trap '' TERM; sleep 100";
    struct family family = asked(deaf, "sleep 0.5; kill -TERM $PPID; sleep 1.5; kill -TERM $PPID",
                                 (struct family_limits){0});
    assert_true(family.refused && family.killed > 1.4 && family.killed < 20);
    assert_int_equal(family_status(&family), 128 + SIGKILL);
    family = asked(deaf, "sleep 0.5; kill -TERM $PPID", (struct family_limits){.grace = 0.5});
    assert_true(family.refused && family.killed > 0.4 && family.killed < 20);
    family = asked("trap '' TERM; sleep 2; exit 5",
                   "sleep 0.5; kill -TERM $PPID; sleep 0.1; kill -TERM $PPID",
                   (struct family_limits){0});
    assert_true(family.killed == 0);
    assert_int_equal(family_status(&family), 5);
    family =
        asked("exec sleep 100", "sleep 0.5; kill -TERM $PPID", (struct family_limits){.grace = 10});
    assert_true(family.killed == 0);
    assert_int_equal(family_status(&family), 128 + SIGTERM);
    family = asked("trap '' HUP; sleep 2; exit 6",
                   "sleep 0.1; kill -HUP $PPID; sleep 1.2; kill -HUP $PPID",
                   (struct family_limits){.grace = 0.5});
    assert_int_equal(family_status(&family), 6);
}

/* One that lives on is waited for a little and then left alone. */
static void orphan(void **state)
{
    (void)state;
    char path[] = "/tmp/gorocheck_family.XXXXXX", script[256];
    int fd = mkstemp(path);
    snprintf(script, sizeof(script), "sleep 100 & echo $! > %s", path);
    struct family family = shell(script, 0);
    assert_int_equal(family_status(&family), 0);
    assert_int_equal(family.left, 1);
    char text[32] = "";
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    assert_int_equal(kill(atoi(text), SIGKILL), 0);
    close(fd);
    unlink(path);
}

static void targets(void **state)
{
    (void)state;
    struct target target = target_look("sh");
    assert_non_null(target.path);
    assert_null(target.obstacle);
    assert_false(target.needs_stub);
    target_free(&target);
    target = target_look("no-such-program-at-all");
    assert_null(target.path);
    target_free(&target);
    /* A program for another machine: this one's header with another number. */
    char path[] = "/tmp/gorocheck_target.XXXXXX", copy[2048];
    int fd = mkstemp(path);
    FILE *self = fopen("/proc/self/exe", "re");
    assert_non_null(self);
    size_t length = fread(copy, 1, sizeof(copy), self);
    fclose(self);
    assert_true(length > 64);
    copy[18] = (char)183; /* e_machine: AArch64 */
    assert_int_equal(write(fd, copy, length), (ssize_t)length);
    fchmod(fd, 0755);
    close(fd);
    target = target_look(path);
    assert_non_null(target.obstacle);
    assert_non_null(strstr(target.obstacle, "not a 64-bit x86 program"));
    target_free(&target);
    unlink(path);
}

static void scripts(void **state)
{
    (void)state;
    char path[] = "/tmp/gorocheck_target.XXXXXX";
    static const char text[] = "#! /bin/sh -e\nexit 0\n";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
    fchmod(fd, 0755);
    close(fd);
    struct target target = target_look(path);
    assert_non_null(target.path);
    assert_null(target.obstacle);
    target_free(&target);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),    cmocka_unit_test(times_out), cmocka_unit_test(orphan),
        cmocka_unit_test(targets), cmocka_unit_test(scripts),   cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
