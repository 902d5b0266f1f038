/*
 * A restartable sequence (restartable.c) in a library that is loaded at run time, which is looked at before it has been
 * relocated; with both kinds of relocations that may tell of the descriptor.
 *
 * EXPECT: none
 * MODE: patched
 * ONLY: the plugin is not instrumented
 * LIBS: -ldl
 * ENV: GOROCHECK_OPTIONS=patch=app
 * TIMEOUT: 20
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/rseq.h>

#define TIMES 100000

static struct slot {
    long count;
    long pad[7];
} slots[1024];

static const char code[] = ".section __rseq_cs, \"aw\"\n"
                           ".balign 32\n"
                           "5: .long 0, 0\n"
                           ".quad 1f, 2f - 1f, 4f\n"
                           ".text\n"
                           ".globl add\n"
                           ".type add, @function\n"
                           "add: .cfi_startproc\n"
                           "lea 5b(%rip), %rax\n"
                           "mov %rax, 8(%rdx)\n"
                           "1: cmp %esi, 4(%rdx)\n"
                           "jnz 3f\n"
                           "addq $1, (%rdi)\n"
                           "2: mov $1, %eax\n"
                           "ret\n"
                           "3: xor %eax, %eax\n"
                           "ret\n"
                           ".cfi_endproc\n"
                           ".section __rseq_failure, \"ax\"\n"
                           ".byte 0x0f, 0xb9, 0x3d\n"
                           ".long 0x53053053\n"
                           "4: jmp 3b\n"
                           ".section .note.GNU-stack, \"\"\n";

static int (*add)(long *count, uint32_t processor, struct rseq *rseq);

static void *work(void *unused)
{
    struct rseq *own = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
    for (int i = 0; i < TIMES; i++)
        for (;;) {
            uint32_t processor = *(volatile uint32_t *)&own->cpu_id_start;
            if (processor < 1024 && add(&slots[processor].count, processor, own))
                break;
        }
    return unused;
}

static int run(const char *name)
{
    pthread_t threads[4];
    long sum = 0;
    void *library = dlopen(name, RTLD_NOW);
    if (!library)
        return 1;
    *(void **)(void *)&add = dlsym(library, "add");
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 1024; i++) {
        sum += slots[i].count;
        slots[i].count = 0;
    }
    printf("%ld\n", sum);
    return sum != 4 * TIMES;
}

int main(void)
{
    FILE *file = fopen("add.s", "w");
    if (!file || fputs(code, file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -o plain.so add.s &&"
               "LD_PRELOAD= cc -shared -Wl,-z,pack-relative-relocs -o packed.so add.s"))
        return 2;
    if (__rseq_size == 0)
        return 0; /* the kernel has none */
    return run("./plain.so") + run("./packed.so");
}
