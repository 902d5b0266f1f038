/*
 * A call that destroys every vector register, the mask registers and the x87 stack must leave no trace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shim/vector.c"

static int calls;
static void *handed;

static void destroy(void *data)
{
    handed = data;
    calls++;
    __asm__ volatile("fninit\n fldpi\n");
    __asm__ volatile("pxor %%xmm0, %%xmm0\n pxor %%xmm9, %%xmm9\n pxor %%xmm15, %%xmm15\n" ::
                         : "xmm0", "xmm9", "xmm15");
    if (__builtin_cpu_supports("avx"))
        __asm__ volatile("vzeroall\n");
    if (__builtin_cpu_supports("avx512f"))
        __asm__ volatile("vpxorq %%zmm31, %%zmm31, %%zmm31\n kxorw %%k3, %%k3, %%k3\n" ::: "xmm15");
}

static uint8_t before[64], after[64];

static void sse_is_kept(void **unused)
{
    (void)unused;
    int something;
    for (int i = 0; i < 64; i++)
        before[i] = (uint8_t)(i * 7 + 1);
    __asm__ volatile(
        "movdqu %1, %%xmm9\n movdqu %2, %%xmm0\n"
        "mov %3, %%rdi\n mov %4, %%rsi\n xor %%edx, %%edx\n call *%5\n"
        "movdqu %%xmm9, %0\n"
        : "=m"(after)
        : "m"(before), "m"(before[16]), "r"(&destroy), "r"(&something), "r"(&vector_keep)
        : "rdi", "rsi", "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "xmm0", "xmm9", "memory");
    assert_memory_equal(before, after, 16);
    assert_ptr_equal(handed, &something);
}

static void wide_registers_are_kept(void **unused)
{
    (void)unused;
    if (!__builtin_cpu_supports("avx512f"))
        skip();
    uint64_t mask = 0x5a5a, mask_after = 0;
    __asm__ volatile("vmovdqu64 %2, %%zmm31\n vmovdqu64 %2, %%zmm4\n kmovw %3, %%k3\n"
                     "mov %4, %%rdi\n xor %%esi, %%esi\n xor %%edx, %%edx\n call *%5\n"
                     "vmovdqu64 %%zmm31, %0\n kmovw %%k3, %1\n"
                     : "=m"(after), "=m"(mask_after)
                     : "m"(before), "m"(mask), "r"(&destroy), "r"(&vector_keep)
                     : "rdi", "rsi", "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    assert_memory_equal(before, after, 64);
    assert_int_equal(mask_after & 0xffff, mask);
}

static void x87_is_kept(void **unused)
{
    (void)unused;
    double value = 0.25, result = 0;
    __asm__ volatile(
        "fldl %1\n mov %2, %%rdi\n xor %%esi, %%esi\n xor %%edx, %%edx\n call *%3\n fstpl %0\n"
        : "=m"(result)
        : "m"(value), "r"(&destroy), "r"(&vector_keep)
        : "rdi", "rsi", "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    assert_true(result == value);
}

static uint8_t room[65536] __attribute__((aligned(64)));
static uintptr_t place;

static void look(void *data)
{
    place = (uintptr_t)__builtin_frame_address(0);
    destroy(data);
}

static void another_stack(void **unused)
{
    (void)unused;
    int something;
    vector_keep(look, &something, room + sizeof room);
    assert_true(place - (uintptr_t)room < sizeof room);
    assert_ptr_equal(handed, &something);
}

static void without_xsave(void **unused)
{
    int calls_before = calls;
    vector_keep(destroy, NULL, NULL);
    vector_parts = 0; /* an old processor */
    sse_is_kept(unused);
    x87_is_kept(unused);
    ask();
    assert_int_equal(calls, calls_before + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sse_is_kept),   cmocka_unit_test(wide_registers_are_kept),
        cmocka_unit_test(x87_is_kept),   cmocka_unit_test(another_stack),
        cmocka_unit_test(without_xsave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
