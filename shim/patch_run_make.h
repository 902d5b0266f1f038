/* A call of a function with given registers, flags and vector registers, on a stack of its own; and what they are then. */
#ifndef SHIM_PATCH_RUN_MAKE_H
#define SHIM_PATCH_RUN_MAKE_H

#include <stddef.h>
#include <stdint.h>

#define STACK 0x4000u

struct state {
    uint64_t registers[16]; /* [4]: not used */
    uint64_t flags;
    uint8_t vectors[16][32];
    uint8_t red_zone[128];
    uint8_t own[OWN_BYTES];
} __attribute__((aligned(32)));

static struct state now __attribute__((used));
static uint8_t stack[STACK] __attribute__((aligned(64), used));
static uint64_t host_sp __attribute__((used));
static uintptr_t run_target __attribute__((used));
static uint64_t run_flags __attribute__((used));
void run_asm(void);
extern const uint8_t run_back[];
#define LOAD_V(n)  "vmovdqu 136+32*" #n "(%rax), %ymm" #n "\n"
#define STORE_V(n) "vmovdqu %ymm" #n ", 136+32*" #n "(%rax)\n"
#define ALL_V(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
static_assert(offsetof(struct state, vectors) == 136, "ALL_V");
__asm__(
    ".text\nrun_asm:\n"
    "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp, host_sp(%rip)\n"
    "lea stack+0x3000(%rip), %rsp\n"
    "lea now(%rip), %rax\n" ALL_V(
        LOAD_V) "pushq run_flags(%rip)\n"
                "mov 8(%rax), %rcx\nmov 16(%rax), %rdx\nmov 24(%rax), %rbx\nmov 40(%rax), %rbp\n"
                "mov 48(%rax), %rsi\nmov 56(%rax), %rdi\nmov 64(%rax), %r8\nmov 72(%rax), %r9\n"
                "mov 80(%rax), %r10\nmov 88(%rax), %r11\nmov 96(%rax), %r12\nmov 104(%rax), %r13\n"
                "mov 112(%rax), %r14\nmov 120(%rax), %r15\nmov (%rax), %rax\n"
                "popfq\n"
                "call *run_target(%rip)\n"
                ".globl run_back\nrun_back:\n"
                "lea -136(%rsp), %rsp\n"
                "pushfq\n"
                "push %rax\n"
                "lea now(%rip), %rax\n"
                "mov %rcx, 8(%rax)\nmov %rdx, 16(%rax)\nmov %rbx, 24(%rax)\nmov %rbp, 40(%rax)\n"
                "mov %rsi, 48(%rax)\nmov %rdi, 56(%rax)\nmov %r8, 64(%rax)\nmov %r9, 72(%rax)\n"
                "mov %r10, 80(%rax)\nmov %r11, 88(%rax)\nmov %r12, 96(%rax)\nmov %r13, 104(%rax)\n"
                "mov %r14, 112(%rax)\nmov %r15, 120(%rax)\n"
                "popq (%rax)\npopq 128(%rax)\n" ALL_V(
                    STORE_V) "cld\n"
                             "vzeroupper\n"
                             "mov host_sp(%rip), %rsp\n"
                             "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\n"
                             "ret\n");

#endif
