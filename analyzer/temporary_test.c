/* Unit tests of temporary.c, with real processes: who is killed, who is asked to end, who goes on. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/family.h"
#include "analyzer/memory.h"
#include "analyzer/temporary.h"

static char *parent;

static int begin(void **state)
{
    (void)state;
    char path[] = "/tmp/gorocheck_temporary.XXXXXX";
    parent = mkdtemp(path) ? memory_text(path) : NULL;
    return parent ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    int left = rmdir(parent); /* fails if anything is left */
    free(parent);
    return left;
}

static void put(const char *folder, const char *name)
{
    char *path = memory_format("%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
    free(path);
}

static void drop(const char *folder, const char *name)
{
    char *path = memory_format("%s/%s", folder, name);
    assert_int_equal(remove(path), 0);
    free(path);
}

/* Another run, with a trace; waits to be ended. */
static pid_t run(char **folder)
{
    int ends[2];
    char path[128] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sigset_t set;
        family_signals(&set);
        sigprocmask(SIG_BLOCK, &set, NULL);
        char *own = temporary_make(parent), *trace = memory_format("%s/trace.12", own);
        mkdir(trace, 0700);
        put(trace, "access.0");
        put(trace, "process");
        if (!temporary_guard() || write(ends[1], own, strlen(own) + 1) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    for (size_t used = 0; used == 0 || path[used - 1];) {
        ssize_t size = read(ends[0], path + used, sizeof(path) - used);
        assert_true(size > 0);
        used += (size_t)size;
    }
    close(ends[0]);
    *folder = memory_text(path);
    return child;
}

static void ended_by(pid_t child, int number)
{
    int status;
    assert_int_equal(kill(child, number), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), number);
}

static void make_and_release(void)
{
    char *own = temporary_make(parent);
    assert_non_null(own);
    temporary_release();
    assert_int_equal(rmdir(own), 0);
    free(own);
}

static void killed(void **state)
{
    (void)state;
    char *folder;
    pid_t child = run(&folder);
    make_and_release();
    assert_int_equal(access(folder, F_OK), 0); /* it still runs */
    ended_by(child, SIGKILL);
    assert_int_equal(access(folder, F_OK), 0);
    make_and_release();
    assert_int_not_equal(access(folder, F_OK), 0);
    free(folder);
}

static void asked_to_end(void **state)
{
    (void)state;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char *folder;
        ended_by(run(&folder), numbers[i]);
        assert_int_not_equal(access(folder, F_OK), 0);
        free(folder);
    }
}

/* What is kept on purpose, what somebody put there, and names that are alike. */
static void not_ours(void **state)
{
    (void)state;
    char *kept = temporary_make(parent), *folder;
    temporary_release();
    put(kept, "mine");
    make_and_release();
    drop(kept, "mine");
    assert_int_equal(rmdir(kept), 0);
    free(kept);
    pid_t child = run(&folder);
    put(folder, "mine");
    ended_by(child, SIGKILL);
    make_and_release();
    drop(folder, "mine");
    assert_int_equal(rmdir(folder), 0);
    free(folder);
    char *other = memory_format("%s/gorocheck.other", parent);
    assert_int_equal(mkdir(other, 0700), 0);
    put(other, "gorocheck.lock");
    put(other, "mine");
    make_and_release();
    drop(other, "mine");
    drop(other, "gorocheck.lock");
    assert_int_equal(rmdir(other), 0);
    free(other);
}

/* Where no more signals can be queued, by whomever, pthread_cancel fails. */
static void full_queue(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        sigset_t set;
        family_signals(&set);
        sigprocmask(SIG_BLOCK, &set, NULL);
        setrlimit(RLIMIT_SIGPENDING, &none);
        alarm(20);
        char *own = temporary_make(parent);
        bool guarded = temporary_guard();
        usleep(100000); /* so that the watcher waits */
        temporary_release();
        _exit(guarded && rmdir(own) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void nowhere(void **state)
{
    (void)state;
    assert_null(temporary_make("/nonexistent"));
    assert_false(temporary_guard());
    temporary_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed, begin, end),
        cmocka_unit_test_setup_teardown(asked_to_end, begin, end),
        cmocka_unit_test_setup_teardown(not_ours, begin, end),
        cmocka_unit_test_setup_teardown(full_queue, begin, end),
        cmocka_unit_test(nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
