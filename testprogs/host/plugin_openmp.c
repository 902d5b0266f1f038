/*
 * A program without OpenMP loads a plugin that has it, out of the global scope, unloads it, and loads it again.
 *
 * EXPECT: none
 * MODE: plain patched
 * LIBS: -ldl
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static const char source[] = "static int sum;\n"
                             "__attribute__((constructor)) static void setup(void)\n"
                             "{\n"
                             "#pragma omp parallel for reduction(+ : sum)\n"
                             "    for (int i = 0; i < 100; i++) sum += i;\n"
                             "}\n"
                             "int run(void)\n"
                             "{\n"
                             "#pragma omp parallel\n"
                             "#pragma omp critical\n"
                             "    sum++;\n"
                             "    return sum;\n"
                             "}\n";

int main(void)
{
    int good = 0;
    FILE *file = fopen("parallel.c", "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= gcc -shared -fPIC -O1 -g -fopenmp -o parallel.so parallel.c"))
        return 2;
    setenv("OMP_NUM_THREADS", "3", 1);
    void *kept = dlopen("libgomp.so.1", RTLD_NOW | RTLD_LOCAL); /* its threads outlive the plugin */
    for (int i = 0; i < 2; i++) {
        void *library = dlopen("./parallel.so", RTLD_NOW | RTLD_LOCAL);
        if (!library)
            return 3;
        int (*run)(void);
        *(void **)&run = dlsym(library, "run");
        good += run() == 4950 + 3;
        dlclose(library);
    }
    printf("%d\n", good);
    return good != 2 || !kept;
}
