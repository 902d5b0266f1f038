/*
 * A plugin that is opened and closed more often than modules can be told apart (16,384): those that are opened then and
 * stay are not taken for gone. Of those that are new then nothing is recorded, which is said, so it ends with 3.
 *
 * EXPECT: none
 * STATUS: 3
 * SAYS: access records
 * MODE: patched
 * LIBS: -ldl
 * ENV: GOROCHECK_OPTIONS=patch=app
 * TIMEOUT: 200
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *open_one(const char *name, int (**add)(int *, int))
{
    void *library = dlopen(name, RTLD_NOW);
    if (library)
        *(void **)(void *)add = dlsym(library, "add");
    return library;
}

int main(void)
{
    FILE *file = fopen("add.c", "w");
    if (!file || fputs("int add(int *to, int n) { return *to += n; }\n", file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -fPIC -O1 -o one.so add.c &&"
               "cp one.so two.so && cp one.so three.so"))
        return 2;
    int (*one)(int *, int), (*two)(int *, int), (*three)(int *, int), sum = 0;
    for (int i = 0; i < 16500; i++) {
        void *library = dlopen("./one.so", RTLD_NOW);
        if (!library || dlclose(library))
            return 3;
    }
    if (!open_one("./one.so", &one) || one(&sum, 1) != 1 || !open_one("./two.so", &two) ||
        one(&sum, 1) != 2 || two(&sum, 1) != 3 || !open_one("./three.so", &three) ||
        one(&sum, 1) != 4 || two(&sum, 1) != 5 || three(&sum, 1) != 6)
        return 4;
    puts("all there");
    return 0;
}
