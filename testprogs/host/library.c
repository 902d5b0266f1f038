/*
 * The program builds and loads a library that makes threads, unloads it and loads it again.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * LIBS: -ldl
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static const char source[] = "#include <pthread.h>\n"
                             "static int value;\n"
                             "static void *work(void *unused) { value++; return unused; }\n"
                             "int run(void)\n"
                             "{\n"
                             "    pthread_t thread;\n"
                             "    pthread_create(&thread, 0, work, 0);\n"
                             "    pthread_join(thread, 0);\n"
                             "    return value;\n"
                             "}\n";

int main(void)
{
    FILE *file = fopen("library.c", "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    if (system("cc -shared -fPIC -O1 -o library.so library.c"))
        return 2;
    for (int i = 0; i < 3; i++) {
        void *library = dlopen("./library.so", RTLD_NOW | RTLD_LOCAL);
        if (!library)
            return 3;
        int (*run)(void) = (int (*)(void))dlsym(library, "run");
        printf("%d\n", run());
        dlclose(library);
    }
    return 0;
}
