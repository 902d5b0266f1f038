/*
 * The slow path of unmodified code: marks, clocks and records, with several tasks played by one thread, step by step.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/clock.c"
#include "shim/mark.c"
#include "shim/mark_stack.c"
#include "shim/patch_access.c"

#include "shim/patch_access_make.h"

/* ---- tests ---- */

/* A flag set by xchg or mov, read by mov: the marks make it a release and an acquire. */
static void test_flag(void **state)
{
    (void)state;
    as(2);
    assert_false(plain(0, 4, LOAD)); /* not marked yet */
    assert_int_equal(last_touch.kind, TRACE_KIND_OF(4));
    as(1);
    uint64_t wrote = threads[1].segment;
    locked(0, 4);
    assert_int_equal(forgotten[0], (uintptr_t)memory);
    as(2);
    assert_true(plain(0, 4, LOAD));
    assert_int_equal(knows(2, 1), wrote);
    assert_int_equal(lines[line_count - 1].kind, TRACE_KIND_OF(4) | TRACE_KIND_MARKED);
    as(3);
    uint64_t third = threads[3].segment;
    assert_true(plain(0, 4, STORE)); /* replaces: whoever reads it now is after task 3 only */
    assert_int_equal(lines[line_count - 1].segment, third);
    as(4);
    assert_true(plain(0, 4, LOAD));
    assert_int_equal(knows(4, 3), third);
    assert_int_equal(knows(4, 1), 0);
}

/* The write of the LOCK instruction itself lies before what it releases. */
static void test_locked_is_recorded_first(void **state)
{
    (void)state;
    as(1);
    uint64_t wrote = threads[1].segment;
    locked(60, 8); /* over the edge of a line */
    assert_int_equal(line_count, 2);
    assert_int_equal(lines[0].line, (uintptr_t)memory);
    assert_int_equal(lines[0].mask, UINT64_C(15) << 60);
    assert_int_equal(lines[1].line, (uintptr_t)memory + 64);
    assert_int_equal(lines[1].mask, 15);
    assert_int_equal(lines[1].segment, wrote);
    assert_int_equal(lines[0].kind, TRACE_KIND_OF(8) | TRACE_KIND_WRITE | TRACE_KIND_ATOMIC);
    assert_int_equal(forgotten_count, 2);
    assert_true(threads[1].segment > wrote);
    locked(60, 8);
    assert_int_equal(forgotten_count, 2); /* marked already */
}

/* What was gathered is written before others may have to wait for the object. */
static void test_gathered_is_written_first(void **state)
{
    (void)state;
    as(1);
    locked(8, 8);
    assert_int_equal(flush_count, 0);
    access_fast.gathering = 1;
    locked(8, 8);
    assert_true(plain(8, 8, LOAD));
    assert_int_equal(flush_count, 1);
    assert_true(plain(8, 8, STORE));
    assert_int_equal(flush_count, 2);
}

static void test_failed_exchange_releases_nothing(void **state)
{
    (void)state;
    as(1);
    uint64_t first = threads[1].segment;
    locked(8, 8);
    as(2);
    uint64_t second = threads[2].segment;
    compare_exchange(8, 8, false);
    assert_int_equal(knows(2, 1), first);
    assert_int_equal(lines[line_count - 1].kind, TRACE_KIND_OF(8) | TRACE_KIND_ATOMIC);
    as(3);
    locked(8, 8);
    assert_int_equal(knows(3, 1), first);
    assert_int_equal(knows(3, 2), 0);
    as(2);
    compare_exchange(8, 8, true);
    assert_true(threads[2].segment > second);
    as(4);
    plain(8, 8, LOAD);
    assert_int_equal(knows(4, 2), threads[2].segment - 1);
}

/* An access that was entered as plain while its byte was being marked. */
static void test_marked_meanwhile(void **state)
{
    (void)state;
    as(1);
    mark_meanwhile = (uintptr_t)memory + 17;
    assert_true(plain(16, 4, LOAD));
    assert_int_equal(forgotten_count, 2);
    assert_int_equal(forgotten[0], (uintptr_t)memory);
}

/* Only the marked bytes of an access are atomic. */
static void test_bytes(void **state)
{
    (void)state;
    as(1);
    locked(4, 4);
    line_count = 0;
    as(2);
    assert_true(plain(0, 8, STORE));
    assert_int_equal(line_count, 2);
    assert_int_equal(lines[0].mask, 0xf0);
    assert_int_equal(lines[0].kind, TRACE_KIND_OF(8) | TRACE_KIND_WRITE | TRACE_KIND_MARKED);
    assert_int_equal(lines[1].mask, 0x0f);
    assert_int_equal(lines[1].kind, TRACE_KIND_OF(8) | TRACE_KIND_WRITE);
    uint64_t knew = threads[2].segment - 1;
    as(3); /* the halves of a word are one object */
    plain(0, 2, LOAD);
    assert_int_equal(knows(3, 2), 0);
    plain(4, 1, LOAD);
    assert_int_equal(knows(3, 2), knew);
}

/* Each word of a wide move is one of its own: what is released by one that it leaves alone in part stays. */
static void test_wide(void **state)
{
    (void)state;
    as(1);
    uint64_t first = threads[1].segment;
    locked(0, 4);
    uint64_t second = threads[1].segment;
    locked(64, 4);
    as(2);
    uint64_t wrote = threads[2].segment;
    assert_true(plain(3, 64, STORE));
    as(3);
    assert_true(plain(0, 16, LOAD));
    assert_int_equal(knows(3, 1), first);
    assert_int_equal(knows(3, 2), wrote);
    as(4);
    assert_true(plain(6, 64, LOAD));
    assert_int_equal(knows(4, 1), second);
}

/* An indirect call cannot be bracketed. It synchronises all the same, and drops nobody's release. */
static void test_unbracketed(void **state)
{
    (void)state;
    as(1);
    uint64_t first = threads[1].segment;
    locked(8, 8);
    as(2);
    uint64_t wrote = threads[2].segment;
    assert_false(plain_at(8, 8, STORE, 0));
    as(3);
    assert_false(plain_at(8, 8, LOAD, 0));
    assert_false(thread_current->busy);
    assert_int_equal(knows(3, 1), first);
    assert_int_equal(knows(3, 2), wrote);
}

/* What a move of many bytes reads may be of an operation that came after the move was announced: it acquires afterwards. */
static void expect_load_acquires(uint32_t size)
{
    as(1);
    locked(16, 16);
    struct patch_site site = site_of(size, LOAD, PATCH_BRACKET);
    for (uint32_t task = 2; task <= 3; task++) { /* with objects of its words, and without */
        uint32_t at = task == 2 ? 16 : 128;
        as(task);
        mark_set((uintptr_t)memory + at, 16);
        patch_thread.address = (uintptr_t)memory + at;
        assert_true(patch_access(&site, &stack.frame));
        assert_int_equal(knows(task, 1), 0);
        if (task == 3) {
            struct bracket reads = bracket;
            as(1);
            locked(at + 8, 8);
            as(task);
            bracket = reads;
            patch_thread.address = (uintptr_t)memory + at;
            thread_current->busy = 1;
        }
        patch_access_after(&site, &stack.frame);
        assert_int_equal(knows(task, 1), threads[1].segment - 1);
    }
}

static void test_wide_loads(void **state)
{
    (void)state;
    expect_load_acquires(16);
}

static void test_widest_loads(void **state)
{
    (void)state;
    expect_load_acquires(64);
}

/* Of the words of a pair each may be used alone, and of the parts of a word. */
static void test_parts(void **state)
{
    (void)state;
    as(1);
    locked(16, 16);
    locked(0, 4);
    locked(4, 4);
    as(2);
    uint64_t second = threads[2].segment;
    plain(24, 8, STORE);
    plain(4, 4, STORE);
    as(3);
    compare_exchange(16, 16, false); /* reads both words */
    assert_int_equal(knows(3, 2), second);
    as(4);
    uint64_t fourth = threads[4].segment;
    plain(16, 16, STORE);
    plain(0, 4, STORE); /* leaves alone what task 2 released by the other half */
    as(3);
    plain(24, 8, LOAD);
    assert_int_equal(knows(3, 4), fourth);
    plain(4, 4, LOAD);
    assert_int_equal(knows(3, 2), second + 1);
}

static void test_pair(void **state) /* cmpxchg16b */
{
    (void)state;
    as(1);
    uint64_t wrote = threads[1].segment;
    locked(16, 16);
    as(2);
    assert_true(plain(24, 8, LOAD));
    assert_int_equal(knows(2, 1), wrote);
}

/* add without LOCK on a marked byte: read and written. */
static void test_both(void **state)
{
    (void)state;
    as(1);
    uint64_t wrote = threads[1].segment;
    locked(0, 8);
    as(2);
    uint64_t second = threads[2].segment;
    assert_true(plain(0, 8, BOTHS));
    assert_int_equal(knows(2, 1), wrote);
    assert_true(threads[2].segment > second);
    as(3);
    plain(0, 8, LOAD);
    assert_int_equal(knows(3, 1), wrote);
    assert_int_equal(knows(3, 2), threads[2].segment - 1);
}

static void test_alone(void **state)
{
    (void)state;
    table_tasks.count = 2;
    as(1);
    locked(0, 4);
    assert_int_equal(object_count, 1);
    assert_int_equal(line_count, 0);
    assert_int_equal(threads[1].segment, 1);
    assert_false(plain(0, 4, STORE));
    table_tasks.count = 3;
    assert_true(plain(0, 4, LOAD)); /* the mark was made all the same */
}

/* ---- marks on the own stack ---- */

static struct {
    struct patch_frame deep; /* of a check in an inner frame, `over` is above it */
    uint8_t over[64];
    struct patch_frame shallow; /* of one when that frame is over */
    uint8_t live[64];
} own;

static bool loads(const uint8_t *address, const struct patch_frame *frame)
{
    struct patch_site site = site_of(4, LOAD, PATCH_BRACKET);
    patch_thread.address = (uintptr_t)address;
    line_count = 0;
    if (!patch_access(&site, frame))
        return false;
    patch_access_after(&site, frame);
    return true;
}

static void begin_stack(bool known)
{
    as(1);
    mark_clear((uintptr_t)&own, sizeof own);
    thread_current->record->stack_low = known ? (uintptr_t)&own : 0;
    thread_current->record->stack_high = known ? (uintptr_t)(&own + 1) : 0;
    patch_mark((uintptr_t)own.over + 8, 4);
    patch_mark((uintptr_t)own.live, 4);
}

static void test_frame_over(void **state)
{
    (void)state;
    begin_stack(true);
    for (unsigned i = 1; i < MET_OFTEN; i++)
        assert_true(loads(own.over + 8, &own.deep));
    assert_false(loads(memory, &own.shallow)); /* to mark again would cost more */
    assert_true(loads(own.over + 8, &own.deep));
    assert_false(loads(memory, &own.deep));
    assert_true(loads(own.over + 8, &own.deep)); /* the frame goes on */
    assert_false(loads(memory, &own.shallow));
    assert_false(loads(own.over + 8, &own.deep));
    assert_true(loads(own.live, &own.shallow));
}

/* After calls and returns it is patch_arrive that comes by. */
static void test_frame_over_arrival(void **state)
{
    (void)state;
    static uint8_t access[1];
    begin_stack(true);
    for (unsigned i = 0; i < MET_OFTEN; i++)
        assert_true(loads(own.over + 8, &own.deep));
    struct patch_site site = site_of(4, LOAD, 0);
    thread_current->access = (struct access_state *)(void *)access;
    patch_thread.address = (uintptr_t)memory;
    patch_arrive(&site, &own.shallow);
    thread_current->access = NULL;
    assert_false(loads(own.over + 8, &own.deep));
}

static void test_other_stack(void **state)
{
    (void)state;
    begin_stack(false);
    for (unsigned i = 0; i < 2 * MET_OFTEN; i++)
        assert_true(loads(own.over + 8, &own.deep));
    assert_false(loads(memory, &own.shallow));
    assert_true(loads(own.over + 8, &own.deep));
}

static void comes_by(int signal)
{
    (void)signal;
    assert_false(loads(memory, &own.shallow));
}

/* A handler's stack may be an array in a frame that goes on. */
static void test_signal_stack(void **state)
{
    (void)state;
    static uint8_t room[65536];
    stack_t there = {.ss_sp = room, .ss_size = sizeof room}, before;
    struct sigaction action = {.sa_handler = comes_by, .sa_flags = SA_ONSTACK};
    begin_stack(true);
    for (unsigned i = 0; i < MET_OFTEN; i++)
        assert_true(loads(own.over + 8, &own.deep));
    sigaltstack(&there, &before);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    sigaltstack(&before, NULL);
    assert_true(loads(own.over + 8, &own.deep));
}

/* The instruction faulted: nothing stays behind. */
static void test_fault(void **state)
{
    (void)state;
    as(1);
    struct patch_site site = site_of(4, TRACE_KIND_WRITE | TRACE_KIND_ATOMIC, 0);
    patch_thread.address = (uintptr_t)memory;
    patch_lock_before(&site, &stack.frame);
    assert_true(threads[1].busy);
    assert_true(patch_access_abandon(&threads[1]));
    assert_false(threads[1].busy);
    patch_lock_after(&site, &stack.frame); /* a handler that jumped behind the instruction */
    assert_int_equal(line_count, 0);
    locked(0, 4); /* the lock of the object is free */
    assert_false(patch_access_abandon(&threads[1]));
}

static void test_futex(void **state)
{
    (void)state;
    struct patch_frame frame = {
        .rax = SYS_futex, .rdi = (uintptr_t)memory + 8, .rsi = FUTEX_WAKE | FUTEX_PRIVATE_FLAG};
    as(1);
    plain(8, 4, STORE); /* not marked: an ordinary store */
    uint64_t wrote = threads[1].segment;
    patch_syscall_before(&frame, 0);
    patch_syscall_after(&frame, 0);
    as(2);
    frame.rsi = FUTEX_WAIT | FUTEX_PRIVATE_FLAG;
    patch_syscall_before(&frame, 0);
    assert_int_equal(knows(2, 1), 0);
    patch_syscall_after(&frame, 0);
    assert_int_equal(knows(2, 1), wrote);
    as(3);
    assert_true(plain(8, 4, LOAD));
    assert_int_equal(knows(3, 1), wrote);
    frame.rax = SYS_getpid;
    patch_syscall_before(&frame, 0);
    patch_syscall_after(&frame, 0);
    assert_int_equal(object_count, 2);
}

/* The unwinder gets the program's registers, also those that the check uses. */
static void test_registers(void **state)
{
    (void)state;
    as(1);
    stack.frame.rbx = 1;
    stack.frame.r12 = 12;
    patch_thread.spill_a = 77;
    patch_thread.spill_b = 88;
    struct patch_site site = site_of(4, 0, 0);
    site.registers = 12 << 4 | 3;
    patch_thread.address = (uintptr_t)memory;
    patch_access(&site, &stack.frame);
    assert_int_equal(unwound.rbx, 77);
    assert_int_equal(unwound.r12, 88);
    assert_int_equal(unwound.rsp, (uintptr_t)(&stack.frame + 1) + 128);
}

/* With the C library patched: a check under way keeps its words; what a wrapper tells of is not recorded again. */
static void test_nested(void **state)
{
    (void)state;
    as(1);
    patch_nests = true;
    locked(8, 4);
    assert_int_equal(patch_thread.address, (uintptr_t)memory + 8);
    assert_int_equal(line_count, 1);
    assert_int_equal(lines[0].line, (uintptr_t)memory);
    assert_int_equal(lines[0].mask, 0xf00);
    home = true;
    locked(16, 4);
    assert_int_equal(line_count, 2);
    thread_current->within = ~(uintptr_t)0;
    locked(24, 4);
    assert_int_equal(line_count, 2);
    home = false;
    locked(32, 4);
    assert_int_equal(line_count, 3);
    thread_current->within = 0;
    patch_nests = false;
}

static bool arrives(uintptr_t address)
{
    struct patch_site site = site_of(4, LOAD, 0);
    patch_thread.address = address;
    patch_thread.context = 0;
    bool arrived = patch_arrive(&site, &stack.frame);
    assert_int_equal(patch_thread.context, arrived ? 7 : 0);
    return arrived;
}

/* The context is found out for what may be recorded at once, and for nothing else. */
static void test_arrival(void **state)
{
    (void)state;
    uintptr_t here = (uintptr_t)memory;
    as(1);
    assert_false(arrives(here)); /* its first access */
    thread_current->access = (struct access_state *)memory;
    assert_true(arrives(here));
    assert_false(thread_current->busy);
    contexts_asked = 0;
    mark_set(here + 1, 1);
    assert_false(arrives(here));
    assert_true(arrives(here + 64));
    assert_false(arrives(LOWEST - 4));
    table_tasks.count = 2;
    assert_false(arrives(here + 64));
    table_tasks.count = 10;
    patch_nests = true;
    assert_false(arrives(here + 64));
    patch_nests = false;
    thread_current->busy = 1;
    assert_false(arrives(here + 64));
    thread_current->busy = 0;
    shim_life[0] = SHIM_ENDED;
    assert_false(arrives(here + 64));
    shim_life[0] = SHIM_ON;
    assert_int_equal(contexts_asked, 1);
    assert_false(thread_current->busy);
    thread_current->access = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, start)
    const struct CMUnitTest tests[] = {
        TEST(test_flag),
        TEST(test_locked_is_recorded_first),
        TEST(test_gathered_is_written_first),
        TEST(test_failed_exchange_releases_nothing),
        TEST(test_marked_meanwhile),
        TEST(test_bytes),
        TEST(test_wide),
        TEST(test_pair),
        TEST(test_wide_loads),
        TEST(test_widest_loads),
        TEST(test_unbracketed),
        TEST(test_parts),
        TEST(test_both),
        TEST(test_alone),
        TEST(test_frame_over),
        TEST(test_frame_over_arrival),
        TEST(test_other_stack),
        TEST(test_signal_stack),
        TEST(test_fault),
        TEST(test_futex),
        TEST(test_registers),
        TEST(test_nested),
        TEST(test_arrival),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
