/*
 * The C library patched, too, but not the library that allocates a block, orders who uses it (unseen) and gives it back:
 * what malloc and free themselves write into the block is theirs, not the program's.
 *
 * EXPECT: none
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=main,libc.so
 * LIBS: -ldl
 * ONLY: it is about patching the C library
 * TIMEOUT: 20
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../order.h"

static const char source[] =
    "#include <stdlib.h>\n"
    "void *take(unsigned long size) { return calloc(1, size); }\n"
    "void *more(void *p, unsigned long size) { return realloc(p, size); }\n"
    "void give(void *p) { free(p); }\n";

static void *(*take)(unsigned long);
static void *(*more)(void *, unsigned long);
static void (*give)(void *);
static char *block;

/* The pointer, unseen like the order. */
ORDER_HIDDEN void move(long call, char **mine)
{
    struct order_bytes here = {mine, sizeof block}, there = {&block, sizeof block};
    if (order_system(call, order_system(ORDER_GETPID, 0, 0, 0, 0), (long)&here, 1, (long)&there) !=
        sizeof block)
        __builtin_trap();
}

static void *use(void *unused)
{
    for (int i = 0; i < 3; i++) {
        order_wait(2 * i + 1);
        char *p;
        move(ORDER_VM_READ, &p);
        for (int at = 0; at < 64; at++)
            p[at]++;
        order_signal(2 * i + 2);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    FILE *file = fopen("plugin.c", "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -fPIC -O1 -o plugin.so plugin.c"))
        return 2;
    void *library = dlopen("./plugin.so", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return 3;
    *(void **)&take = dlsym(library, "take");
    *(void **)&more = dlsym(library, "more");
    *(void **)&give = dlsym(library, "give");
    char *p = take(64);
    move(ORDER_VM_WRITE, &p);
    pthread_create(&thread, NULL, use, NULL);
    for (int i = 0; i < 3; i++) {
        order_signal(2 * i + 1);
        order_wait(2 * i + 2);
        if (i == 0) {
            p = more(p, 4096);
        } else {
            give(p);
            p = take(64);
        }
        move(ORDER_VM_WRITE, &p);
    }
    pthread_join(thread, NULL);
    give(p);
    return 0;
}
