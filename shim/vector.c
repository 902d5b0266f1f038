/*
 * Keeping the vector registers over a call. XSAVE writes the parts that the system has switched on; how much room they
 * take is asked of the processor once. AMX tiles (8 KB) are left alone: no library function uses them.
 */
#include "shim/vector.h"

#include <cpuid.h>

#include "shim/shim.h"

#include "shim/banned.h"

#define LEGACY 512u /* what FXSAVE writes, and the header of XSAVE behind it */
#define HEADER 64u
#define PARTS  0xe7u /* x87, SSE, AVX, and the three parts of AVX-512 */

/* 0: not asked yet. Read by the assembly below. */
__attribute__((used)) uint32_t vector_room __asm__("gorocheck_vector_room")
    __attribute__((visibility("hidden")));
__attribute__((used)) uint32_t vector_parts __asm__("gorocheck_vector_parts")
    __attribute__((visibility("hidden")));

/* The area lies on the stack that is used; rbx holds it, rbp the caller's frame. */
void vector_call(void (*function)(void *), void *data, void *stack) __asm__("gorocheck_vector_call")
    __attribute__((visibility("hidden")));
__asm__(".text\n"
        ".type gorocheck_vector_call,@function\n"
        "gorocheck_vector_call:\n"
        ".cfi_startproc\n"
        "    push %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbp, -16\n"
        "    mov %rsp, %rbp\n"
        ".cfi_def_cfa_register %rbp\n"
        "    push %rbx\n"
        ".cfi_offset %rbx, -24\n"
        "    test %rdx, %rdx\n"
        "    cmovnz %rdx, %rsp\n"
        "    mov gorocheck_vector_room(%rip), %eax\n"
        "    sub %rax, %rsp\n"
        "    and $-64, %rsp\n"
        "    mov %rsp, %rbx\n"
        "    mov %rdi, %r10\n"
        "    mov %rsi, %rdi\n"
        "    mov gorocheck_vector_parts(%rip), %eax\n"
        "    test %eax, %eax\n"
        "    jz 1f\n"
        "    xor %edx, %edx\n"
        "    mov %rdx, 512(%rbx)\n" /* the header: what is not written must be zero */
        "    mov %rdx, 520(%rbx)\n"
        "    mov %rdx, 528(%rbx)\n"
        "    mov %rdx, 536(%rbx)\n"
        "    mov %rdx, 544(%rbx)\n"
        "    mov %rdx, 552(%rbx)\n"
        "    mov %rdx, 560(%rbx)\n"
        "    mov %rdx, 568(%rbx)\n"
        "    xsave64 (%rbx)\n"
        "    call *%r10\n"
        "    mov gorocheck_vector_parts(%rip), %eax\n"
        "    xor %edx, %edx\n"
        "    xrstor64 (%rbx)\n"
        "    jmp 2f\n"
        "1:  fxsave64 (%rbx)\n"
        "    call *%r10\n"
        "    fxrstor64 (%rbx)\n"
        "2:  mov -8(%rbp), %rbx\n"
        "    leave\n"
        ".cfi_def_cfa %rsp, 8\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size gorocheck_vector_call, . - gorocheck_vector_call\n");

static NOINLINE void ask(void)
{
    uint32_t a = 0, b = 0, c = 0, d = 0, room = LEGACY + HEADER, parts = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE) {
        uint32_t low, high;
        __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        parts = low & PARTS;
        for (uint32_t part = 2; part < 8; part++)
            if (parts & 1u << part && __get_cpuid_count(0xd, part, &a, &b, &c, &d) && a + b > room)
                room = a + b;
    }
    vector_parts = parts;
    __atomic_store_n(&vector_room, room, __ATOMIC_RELEASE);
}

void vector_keep(void (*function)(void *), void *data, void *stack)
{
    if (UNLIKELY(!vector_room))
        ask();
    vector_call(function, data, stack);
}
