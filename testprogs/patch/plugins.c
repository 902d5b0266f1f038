/*
 * A library that is loaded and unloaded 300 times: more often than there are places for modules. The last one still is
 * patched: a race that only it makes is seen.
 *
 * EXPECT: race library.c:6 library.c:9 value
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=app
 * LIBS: -ldl
 * ONLY: it is about patching
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static const char source[] = "#include <pthread.h>\n"
                             "#line 1\n"
                             "static int value;\n"
                             "int number;\n"
                             "static void *work(void *unused)\n"
                             "{\n"
                             "    if (number == 299)\n"
                             "        value++;\n"
                             "    return unused;\n"
                             "}\n"
                             "static void more(void) { if (number == 299) value++; }\n"
                             "int run(int which)\n"
                             "{\n"
                             "    pthread_t thread;\n"
                             "    number = which;\n"
                             "    pthread_create(&thread, 0, work, 0);\n"
                             "    more();\n"
                             "    pthread_join(thread, 0);\n"
                             "    return number;\n"
                             "}\n";

int main(void)
{
    long sum = 0;
    FILE *file = fopen("library.c", "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -fPIC -O1 -g -o library.so library.c"))
        return 2;
    for (int i = 0; i < 300; i++) {
        void *library = dlopen("./library.so", RTLD_NOW | RTLD_LOCAL);
        if (!library)
            return 3;
        int (*run)(int) = (int (*)(int))dlsym(library, "run");
        sum += run(i);
        dlclose(library);
    }
    printf("%ld\n", sum);
    return 0;
}
