/*
 * A library that is loaded while the program runs is patched before its constructors run: a race in it is seen, and one
 * between a thread that its constructor makes and the program; and again when it has been unloaded and loaded anew.
 *
 * EXPECT: race library.c:2 library.c:2 value
 * EXPECT: race library.c:6 library.c:9 early
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=app
 * LIBS: -ldl
 * ONLY: it is about patching
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static const char source[] =
    "#include <pthread.h>\n#include <sched.h>\n#line 1\n"
    "int value, early; static pthread_t first;\n"
    "static void *work(void *unused) { for (int i = 0; i < 50; i++) { value++; sched_yield(); } return unused; }\n"
    "static void *begin(void *unused)\n"
    "{\n"
    "    for (int i = 0; i < 50; i++) {\n"
    "        early++; sched_yield(); }\n"
    "    return unused;\n"
    "}\n"
    "__attribute__((constructor)) static void setup(void) { pthread_create(&first, 0, begin, 0); early = 1; }\n"
    "int run(void)\n"
    "{\n"
    "    pthread_t a, b;\n"
    "    pthread_create(&a, 0, work, 0);\n"
    "    pthread_create(&b, 0, work, 0);\n"
    "    pthread_join(a, 0);\n"
    "    pthread_join(b, 0);\n"
    "    return pthread_join(first, 0);\n"
    "}\n";

int main(void)
{
    FILE *file = fopen("library.c", "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -fPIC -O1 -g -o library.so library.c"))
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
