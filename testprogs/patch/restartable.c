/*
 * A restartable sequence: each processor has a counter of its own, which is counted up without any atomic instruction, since
 * the kernel sets a thread that is interrupted in the midst to another place. The function stays as it is: in a copy nobody
 * would restart it.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/rseq.h>

#define TIMES 200000

static struct slot {
    long count;
    long pad[7];
} slots[1024];

static struct rseq *own(void)
{
    return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

/* False: it was interrupted, or is on another processor. */
__attribute__((noinline, noclone)) static int add(long *count, uint32_t processor)
{
    struct rseq *rseq = own();
    __asm__ goto volatile(".pushsection __rseq_cs, \"aw\"\n"
                          ".balign 32\n"
                          "3: .long 0, 0\n"
                          ".quad 1f, 2f - 1f, 4f\n"
                          ".popsection\n"
                          "leaq 3b(%%rip), %%rax\n"
                          "movq %%rax, 8(%0)\n"
                          "1: cmpl %1, 4(%0)\n"
                          "jnz 4f\n"
                          "addq $1, (%2)\n"
                          "2:\n"
                          ".pushsection __rseq_failure, \"ax\"\n"
                          ".byte 0x0f, 0xb9, 0x3d\n"
                          ".long 0x53053053\n"
                          "4: jmp %l[interrupted]\n"
                          ".popsection\n"
                          :
                          : "r"(rseq), "r"(processor), "r"(count)
                          : "rax", "memory", "cc"
                          : interrupted);
    return 1;
interrupted:
    return 0;
}

static void *work(void *unused)
{
    for (int i = 0; i < TIMES; i++)
        for (;;) {
            uint32_t processor = *(volatile uint32_t *)&own()->cpu_id_start;
            if (processor < 1024 && add(&slots[processor].count, processor))
                break;
        }
    return unused;
}

int main(void)
{
    pthread_t threads[4];
    long sum = 0;
    if (__rseq_size == 0)
        return 0; /* the kernel has none */
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 1024; i++)
        sum += slots[i].count;
    printf("%ld\n", sum);
    return sum != 4 * TIMES;
}
