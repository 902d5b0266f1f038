/*
 * Faults in patched code: the handler sees the program's own pc and registers, may jump out, mend the address in a
 * register and go on, or go on behind the instruction. So may handlers of ud2, and of what LOCK does to memory that
 * cannot be written.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

extern char __executable_start, etext;
static sigjmp_buf back;
static int inside, faults, how;
static char *page;
static long good = 7;

/* Each is one instruction behind a label, so that the handler knows how long it is. */
long load(long *p);
long swap(long *p, long value);
void trap(void);
__asm__(".text\n"
        ".p2align 4\n"
        ".globl load, swap, trap\n"
        ".type load,@function\n"
        "load: .cfi_startproc\n"
        "    mov $5, %esi\n"
        "    mov (%rdi), %rcx\n" /* 3 bytes */
        "    lea 1(%rsi), %rax\n"
        "    add (%rdi), %rax\n" /* likewise */
        "    ret\n"
        ".cfi_endproc\n"
        ".size load, . - load\n"
        ".p2align 4\n"
        ".type swap,@function\n"
        "swap: .cfi_startproc\n"
        "    mov %rsi, %rax\n"
        "    lock xadd %rax, (%rdi)\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size swap, . - swap\n"
        ".p2align 4\n"
        ".type trap,@function\n"
        "trap: .cfi_startproc\n"
        "    ud2\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size trap, . - trap\n");

static void handler(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t pc = (uintptr_t)registers[REG_RIP];
    (void)info;
    faults++;
    inside += pc >= (uintptr_t)&__executable_start && pc < (uintptr_t)&etext;
    if (how == 0) {
        siglongjmp(back, number);
    } else if (how == 1) {
        registers[REG_RDI] = (greg_t)&good;
    } else if (how == 2) {
        inside += registers[REG_RSI] == 5;
        registers[REG_RIP] += 3;
    } else if (how == 3) {
        mprotect(page, 4096, PROT_READ | PROT_WRITE);
    } else {
        registers[REG_RIP] += 2;
    }
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
    int jumped = 0;
    long sum = 0;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 1000; i++) {
        if (sigsetjmp(back, 1))
            jumped++;
        else
            sum += load((long *)(intptr_t)(i * 8));
    }
    printf("%d jumps, %d faults, %d inside\n", jumped, faults, inside);
    faults = inside = 0;
    how = 1;
    for (int i = 0; i < 10; i++)
        sum += load((long *)8);
    printf("mended: %ld, %d faults, %d inside\n", sum, faults, inside);
    faults = inside = 0;
    how = 2;
    for (int i = 0; i < 10; i++)
        sum += load((long *)8);
    printf("skipped: %ld, %d faults, %d inside\n", sum, faults, inside);
    faults = inside = 0;
    how = 3;
    sum = 0;
    for (int i = 0; i < 10; i++) {
        mprotect(page, 4096, PROT_READ);
        sum += swap((long *)page, 3);
    }
    printf("LOCK: %ld, %d faults, %d inside, %ld\n", sum, faults, inside, *(long *)page);
    faults = inside = 0;
    how = 4;
    for (int i = 0; i < 10; i++)
        trap();
    printf("ud2: %d faults, %d inside\n", faults, inside);
    return 0;
}
