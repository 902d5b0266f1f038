/*
 * Libraries come and go in one thread, others allocate, each time from elsewhere. The dynamic linker frees under its lock,
 * which an unwinder takes under its own: to unwind in that free would be to wait for one another for ever.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * CFLAGS: -O1 -fno-optimize-sibling-calls -fno-inline
 * LIBS: -ldl
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 3
#define ROUNDS  2000

static atomic_int over;

/* More functions than an unwinder remembers. */
static int deep(unsigned path);
#define ONE(name)                   \
    static int name(unsigned path)  \
    {                               \
        return deep(path >> 8) + 1; \
    }
#define FOUR(name)    ONE(name##0) ONE(name##1) ONE(name##2) ONE(name##3)
#define SIXTEEN(name) FOUR(name##0) FOUR(name##1) FOUR(name##2) FOUR(name##3)
#define MANY(name)    SIXTEEN(name##0) SIXTEEN(name##1) SIXTEEN(name##2) SIXTEEN(name##3)
MANY(a)
MANY(b)
MANY(c)
MANY(d)
#define FOUR_OF(name)    name##0, name##1, name##2, name##3
#define SIXTEEN_OF(name) FOUR_OF(name##0), FOUR_OF(name##1), FOUR_OF(name##2), FOUR_OF(name##3)
#define MANY_OF(name) \
    SIXTEEN_OF(name##0), SIXTEEN_OF(name##1), SIXTEEN_OF(name##2), SIXTEEN_OF(name##3)
static int (*const functions[256])(unsigned) = {MANY_OF(a), MANY_OF(b), MANY_OF(c), MANY_OF(d)};

/* By a way that nobody has gone before. */
static int deep(unsigned path)
{
    if (path > 1)
        return functions[path & 255](path);
    void *block = malloc(100);
    int made = block != NULL;
    free(block);
    return made;
}

static void *allocate(void *first)
{
    long sum = 0;
    for (unsigned path = (unsigned)(size_t)first; !atomic_load(&over); path += 7919)
        sum += deep(path | 0x1000000);
    return (void *)sum;
}

int main(void)
{
    pthread_t threads[THREADS];
    FILE *file = fopen("plugin.c", "w");
    if (!file || fputs("int plugin;\n", file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -fPIC -o plugin.so plugin.c"))
        return 2;
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, allocate, (void *)i);
    for (int i = 0; i < ROUNDS; i++) {
        void *library = dlopen("./plugin.so", RTLD_NOW);
        if (!library)
            return 3;
        dlclose(library);
    }
    atomic_store(&over, 1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
