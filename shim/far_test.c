/*
 * Room that grows in its place: apart from all else, not counted before it is used, and never over what another mapped.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "shim/far.c"

#define MEGABYTE ((size_t)1 << 20)

/* Pages of address space that this process has. */
static long used(void)
{
    char text[64] = "";
    long fd = raw4(SYS_openat, AT_FDCWD, "/proc/self/statm", 0, 0);
    raw3(SYS_read, fd, text, sizeof text - 1);
    raw1(SYS_close, fd);
    return strtol(text, NULL, 10);
}

static void grows(void **unused)
{
    (void)unused;
    struct far far;
    long before = used();
    assert_true(far_find(&far, 1024 * MEGABYTE));
    assert_false(far.reserved);
    assert_true(used() - before < 64);
    assert_true(far_map(&far, 0, 16384, -1));
    memset(far.base, 1, 16384);
    assert_true(far_map(&far, 16384, 8 * MEGABYTE, -1));
    memset(far.base + 16384, 2, 8 * MEGABYTE - 16384);
    assert_int_equal(far.base[16383], 1);
    assert_int_equal(used() - before, 8 * MEGABYTE / 4096);
}

static void of_a_file(void **unused)
{
    (void)unused;
    struct far far;
    int fd = (int)raw2(SYS_memfd_create, "far", 0);
    assert_int_equal(raw2(SYS_ftruncate, fd, 16384), 0);
    assert_true(far_find(&far, 16384));
    assert_true(far_map(&far, 0, 4096, -1));
    assert_true(far_map(&far, 4096, 16384, fd));
    far.base[4096] = 7;
    uint8_t byte = 0;
    assert_int_equal(raw4(SYS_pread64, fd, &byte, 1, 4096), 1);
    assert_int_equal(byte, 7);
    raw1(SYS_close, fd);
}

static void apart(void **unused)
{
    (void)unused;
    struct far a, b;
    assert_true(far_find(&a, 3 * MEGABYTE) && far_find(&b, MEGABYTE));
    assert_true(b.base >= a.base + 3 * MEGABYTE);
    assert_true(far_map(&a, 0, 3 * MEGABYTE, -1) && far_map(&b, 0, MEGABYTE, -1));
}

/* Another comes into the range before we have grown into it: what is his stays. */
static void somebody_is_there(void **unused)
{
    (void)unused;
    struct far far;
    assert_true(far_find(&far, 4 * MEGABYTE) && far_map(&far, 0, 4096, -1));
    uint8_t *his = raw_map(far.base + MEGABYTE, 4096, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(his, far.base + MEGABYTE);
    *his = 5;
    assert_true(far_map(&far, 4096, MEGABYTE, -1));
    assert_false(far_map(&far, MEGABYTE, 2 * MEGABYTE, -1));
    assert_int_equal(*his, 5);
}

/* What is taken already is passed over. */
static void taken_before(void **unused)
{
    (void)unused;
    uintptr_t there = far_next;
    void *his = raw_map((void *)(there + MEGABYTE), 4096, PROT_READ,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(his, (void *)(there + MEGABYTE));
    struct far far;
    assert_true(far_find(&far, 2 * MEGABYTE));
    assert_true((uintptr_t)far.base >= there + 2 * MEGABYTE && !far.reserved);
}

/* Where no place is found, it is reserved. */
static void nowhere(void **unused)
{
    (void)unused;
    uintptr_t before = far_next;
    far_next = 1; /* no page begins there, nor at what follows */
    struct far far;
    assert_true(far_find(&far, MEGABYTE));
    assert_true(far.reserved);
    assert_true(far_map(&far, 0, 4096, -1) && far_map(&far, 4096, MEGABYTE, -1));
    memset(far.base, 1, MEGABYTE);
    far_next = before;
}

/* Much less than the range is left of the address space. */
static void bounded(void **unused)
{
    (void)unused;
    struct rlimit limit, old;
    getrlimit(RLIMIT_AS, &old);
    limit = old;
    limit.rlim_cur = (rlim_t)used() * 4096 + MEGABYTE;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    struct far far;
    bool found = far_find(&far, 1024 * MEGABYTE);
    bool first = found && far_map(&far, 0, 16384, -1);
    bool more = first && far_map(&far, 16384, 4 * MEGABYTE, -1);
    bool less = first && far_map(&far, 16384, 32768, -1);
    setrlimit(RLIMIT_AS, &old);
    assert_true(found && !far.reserved && first && !more && less);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows),   cmocka_unit_test(of_a_file),
        cmocka_unit_test(apart),   cmocka_unit_test(somebody_is_there),
        cmocka_unit_test(nowhere), cmocka_unit_test(taken_before),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
