/* Unit tests of fault.c: a mapped file is cut, and read; other faults end the process as ever. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/fault.h"

static void cut_while_read(void **state)
{
    (void)state;
    char path[] = "/tmp/gorocheck_fault.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(ftruncate(fd, 3 * 4096), 0);
    assert_int_equal(pwrite(fd, "abc", 3, 0), 3);
    assert_int_equal(pwrite(fd, "def", 3, 2 * 4096), 3);
    const volatile char *bytes = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(bytes != MAP_FAILED);
    fault_guard();
    assert_int_equal(bytes[2 * 4096], 'd');
    assert_int_equal(fault_count(), 0);
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(bytes[2 * 4096], 0);
    assert_int_equal(bytes[4096 + 77], 0);
    assert_int_equal(bytes[2 * 4096 + 4095], 0);
    assert_int_equal(bytes[1], 'b');
    assert_int_equal(fault_count(), 2);
    close(fd);
}

static void sent(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fault_guard();
        kill(getpid(), SIGBUS);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cut_while_read), cmocka_unit_test(sent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
