/*
 * Assembly as compilers do not write it. Constants between the instructions; a frame description that ends before its
 * function does, which jumps back from there; a name in the midst of a function, which only another module's lookup knows;
 * jumps to addresses that are computed in ways of their own. What they compute must be exact.
 *
 * EXPECT: none
 * CFLAGS: -rdynamic
 * LIBS: -ldl
 * MODE: plain patched lazy
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

long constant(long i);
long count_to(long most, long *one);
long outer(long *value);
long by_bytes(long i, long *values);
long downwards(long i, long *values);

#define FUNCTION(name) \
    ".p2align 4\n .globl " name "\n .type " name ", @function\n" name ": .cfi_startproc\n"
#define END ".cfi_endproc\n"

__asm__(
    ".text\n" /* the constants look like calls, loads and stores */
    FUNCTION(
        "constant") " lea 1f(%rip), %rax\n"
                    " mov (%rax,%rdi,8), %rax\n"
                    " ret\n"
                    "1: .quad 0x8b488b48d0ff9090, 0x9090909090d0ff90\n"
                    " .quad 0x9010894890108948, 0x9090909090909090\n" END FUNCTION(
                        "count_to") " xor %eax, %eax\n"
                                    "1: inc %eax\n"
                                    " add (%rsi), %rax\n"
                                    " cmp %rdi, %rax\n"
                                    " jmp 2f\n" END "2: jl 1b\n"
                                    " ret\n" FUNCTION(
                                        "outer") " mov (%rdi), %eax\n"
                                                 " .globl inner\n"
                                                 " .type inner, @function\n"
                                                 "inner: add $3, %eax\n"
                                                 " mov %eax, (%rdi)\n"
                                                 " add (%rdi), %rax\n"
                                                 " ret\n" END FUNCTION(
                                                     "by_bytes") " lea 4f(%rip), %rax\n"
                                                                 " movzbl (%rax,%rdi), %eax\n"
                                                                 " lea 1f(%rip), %rcx\n"
                                                                 " lea (%rcx,%rax), %rcx\n"
                                                                 " jmp *%rcx\n"
                                                                 "1: mov (%rsi), %rax\n"
                                                                 " ret\n"
                                                                 "2: mov 8(%rsi), %rax\n"
                                                                 " ret\n"
                                                                 "3: mov 16(%rsi), %rax\n"
                                                                 " ret\n" END ".section .rodata\n"
                                                                 "4: .byte 0, 2b - 1b, 3b - 1b\n"
                                                                 ".text\n" FUNCTION(
                                                                     "downwards") " lea 4f(%rip), %rax\n"
                                                                                  " movslq (%rax,%rdi,4), %rax\n"
                                                                                  " lea 1f(%rip), %rcx\n"
                                                                                  " sub %rax, %rcx\n"
                                                                                  " jmp *%rcx\n"
                                                                                  "3: mov 16(%rsi), %rax\n"
                                                                                  " ret\n"
                                                                                  "2: mov 8(%rsi), %rax\n"
                                                                                  " ret\n"
                                                                                  "1: mov (%rsi), %rax\n"
                                                                                  " ret\n" END
                                                                                  ".section .rodata\n"
                                                                                  " .p2align 2\n"
                                                                                  "4: .long 0, 1b - 2b, 1b - 3b\n"
                                                                                  ".text\n");

static const long wanted[] = {(long)0x8b488b48d0ff9090, (long)0x9090909090d0ff90,
                              (long)0x9010894890108948, (long)0x9090909090909090};

/* Its convention: eax is an argument, too. */
static long call_inner(void *inner, long *value)
{
    long result;
    __asm__ volatile("call *%2"
                     : "=a"(result)
                     : "a"(5), "r"(inner), "D"(value)
                     : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
    return result;
}

static void *work(void *unused)
{
    long values[3] = {11, 22, 33}, one = 1, value = 1, wrong = 0;
    void *inner = dlsym(RTLD_DEFAULT, "inner");
    for (long i = 0; i < 3000; i++) {
        wrong += constant(i % 4) != wanted[i % 4];
        wrong += count_to(10, &one) != 10;
        wrong += outer(&value) != 8 || call_inner(inner, &value) != 16;
        value = 1;
        wrong += by_bytes(i % 3, values) != values[i % 3];
        wrong += downwards(i % 3, values) != values[i % 3];
    }
    printf("%ld\n", wrong);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    return 0;
}
