/*
 * More conventions of assembly, with all destroyed that is taken for dead: flags that a function returns by way of another
 * (behind a jump, a call, a prefixed branch), or has across a system call; the direction flag in a function that is called.
 *
 * EXPECT: none
 * MODE: plain patched lazy
 * ENV: GOROCHECK_OPTIONS=patch_poison=1
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

long by_jump(long *to, long value);
long by_call(long *to, long value);
long by_prefix(long *to, long value);
long by_fall(long *to, long value);
long by_system(long *to, long value);
long downwards(long *to, long value);

#define FUNCTION(name, body)                                                                    \
    ".type " #name ", @function\n" #name ": .cfi_startproc\n" body ".cfi_endproc\n.size " #name \
    ", . - " #name "\n"
/* 1 if the zero flag is set behind the call */
#define ASK(name, callee, branch)                         \
    FUNCTION(                                             \
        name,                                             \
        "  call " #callee "\n  mov (%rdi), %rcx\n" branch \
        "  mov %rcx, 8(%rdi)\n  mov $0, %eax\n  ret\n1: mov %rcx, 8(%rdi)\n  mov $1, %eax\n  ret\n")

__asm__(
    ".text\n" ASK(by_jump, jumps, "  je 1f\n") FUNCTION(
        jumps,
        "  mov %rsi, (%rdi)\n  jmp subtracts\n") FUNCTION(subtracts,
                                                          "  sub $7, %rsi\n  mov %rsi, (%rdi)\n  ret\n")
        ASK(by_call, calls, "  je 1f\n") FUNCTION(
            calls,
            "  push %rbx\n  mov %rdi, %rbx\n  call compares\n  mov (%rbx), %rax\n  pop %rbx\n  ret\n")
            FUNCTION(compares,
                     "  cmp $7, %rsi\n  mov %rsi, (%rdi)\n  ret\n") ASK(by_prefix, compares_too,
                                                                        "  .byte 0x48\n  je 1f\n")
                FUNCTION(compares_too, "  cmp $7, %rsi\n  mov %rsi, (%rdi)\n  ret\n") ASK(
                    by_fall, falls, "  je 1f\n") FUNCTION(falls, "  mov %rsi, (%rdi)\n")
                    FUNCTION(fallen_into, "  cmp $7, %rsi\n  mov %rsi, (%rdi)\n  ret\n") FUNCTION(
                        by_system,
                        "  mov $39, %eax\n  cmp $7, %rsi\n  mov %rsi, (%rdi)\n  syscall\n  mov %rsi, 8(%rdi)\n"
                        "  sete %al\n  movzbl %al, %eax\n  ret\n")
    /* fills 16 words from the last one on; %rdx: how many words have been filled then */
    FUNCTION(
        downwards,
        "  std\n  lea 120(%rdi), %rdi\n  mov $4, %r8d\n1: call fills\n  dec %r8\n  jne 1b\n  cld\n"
        "  xor %eax, %eax\n  ret\n")
        FUNCTION(
            fills,
            "  mov (%rdi), %rax\n  mov %rsi, %rax\n  stosq\n  stosq\n  mov %rsi, (%rdi)\n  stosq\n  stosq\n  ret\n"));

static void *work(void *unused)
{
    static long (*const all[])(long *, long) = {by_jump, by_call, by_prefix, by_fall, by_system};
    static __thread long many[64 * 64];
    long wrong = 0;
    for (long i = 0; i < 20000; i++) {
        long to[16] = {0}, *place = many + i % 200 * 18;
        for (unsigned k = 0; k < sizeof all / sizeof *all; k++)
            wrong += all[k](place, i % 16) != (i % 16 == 7);
        downwards(place, i);
        for (unsigned k = 0; k < 16; k++)
            wrong += place[k] != i;
        downwards(to, i);
        wrong += memcmp(to, place, sizeof to) != 0;
    }
    printf("%ld\n", wrong);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    work(NULL);
    return 0;
}
