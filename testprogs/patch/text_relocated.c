/*
 * A program whose code is relocated when it is loaded, so that it is not what its file has; and a library that is loaded
 * later, whose code is not relocated yet when it would be copied: it is left as it is, and that is said.
 *
 * EXPECT: race @store @store data
 * SAYS: code.so (its code is relocated after it would be patched)
 * MODE: lazy patched
 * ONLY: it is about patching
 * CFLAGS: -O1 -Wl,-z,notext
 * LIBS: -ldl
 * ENV: GOROCHECK_OPTIONS=patch=app
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int data;

static void *store(void *unused)
{
    int *p;
    __asm__("movabs $data, %0" : "=r"(p));
    *p = 1; /* @store */
    return unused;
}

int main(void)
{
    FILE *file = fopen("code.c", "w");
    if (!file ||
        fputs("static int data = 5;\n"
              "int get(void) { int *p; __asm__(\"movabs $data, %0\" : \"=r\"(p)); return *p; }\n",
              file) < 0 ||
        fclose(file))
        return 1;
    if (system(
            "LD_PRELOAD= cc -shared -fPIC -fno-toplevel-reorder -O1 -g -Wl,-z,notext -o code.so code.c"))
        return 2;
    void *library = dlopen("./code.so", RTLD_NOW);
    int (*get)(void) = NULL;
    if (!library || !(*(void **)(void *)&get = dlsym(library, "get")) || get() != 5)
        return 3;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, store, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
