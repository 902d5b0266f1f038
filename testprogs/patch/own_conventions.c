/*
 * Assembly with conventions of its own: r11 is an argument of a direct call, after loads from a stack whose address was
 * taken; a function returns the zero flag, behind a store. What they compute must be exact.
 *
 * EXPECT: none
 * MODE: plain patched lazy
 */
#include <pthread.h>
#include <stdio.h>

long sum(const long *from, long *to);
long is_last(long *to, long value);

__asm__(".text\n"
        ".type sum, @function\n"
        "sum: .cfi_startproc\n"
        "  sub $40, %rsp\n"
        "  .cfi_adjust_cfa_offset 40\n"
        "  mov (%rdi), %rax\n"
        "  mov %rax, (%rsp)\n"
        "  mov 8(%rdi), %rax\n"
        "  mov %rax, 8(%rsp)\n"
        "  mov 16(%rdi), %rax\n"
        "  mov %rax, 16(%rsp)\n"
        "  lea (%rsp), %rdi\n" /* others may know the frame now */
        "  mov (%rsp), %r9\n"
        "  mov (%rsp), %r11\n"
        "  mov 8(%rsp), %r10\n"
        "  mov 16(%rsp), %r8\n"
        "  lea 8(%rsp), %rdi\n"
        "  call add_four\n"
        "  add $40, %rsp\n"
        "  .cfi_adjust_cfa_offset -40\n"
        "  ret\n"
        ".cfi_endproc\n"
        ".size sum, . - sum\n"
        ".type add_four, @function\n"
        "add_four: .cfi_startproc\n"
        "  lea (%r8,%r9), %rax\n"
        "  add %r10, %rax\n"
        "  add %r11, %rax\n"
        "  mov %rax, (%rsi)\n"
        "  ret\n"
        ".cfi_endproc\n"
        ".size add_four, . - add_four\n"
        ".type is_last, @function\n"
        "is_last: .cfi_startproc\n"
        "  call subtract\n"
        "  mov $0, %eax\n"
        "  mov %rax, %rax\n"
        "  jne 1f\n"
        "  mov $1, %eax\n"
        "1: ret\n"
        ".cfi_endproc\n"
        ".size is_last, . - is_last\n"
        ".type subtract, @function\n"
        "subtract: .cfi_startproc\n"
        "  sub $7, %rsi\n"
        "  mov %rsi, (%rdi)\n"
        "  ret\n"
        ".cfi_endproc\n"
        ".size subtract, . - subtract\n");

static void *work(void *unused)
{
    long from[3] = {1, 20, 300}, to[64] = {0}, wrong = 0;
    for (long i = 0; i < 20000; i++) {
        from[0] = i;
        long *place = &to[i % 64];
        wrong += sum(from, place) != 2 * i + 320 || *place != 2 * i + 320;
        wrong += is_last(place, i % 16) != (i % 16 == 7) || *place != i % 16 - 7;
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
