/*
 * The constructor of a library makes a thread and waits for it, within dlopen. What the thread calls for the first time in
 * the process (operator delete and others of the C++ library, longjmp) must not need the dynamic linker's lock.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * LIBS: -ldl
 * TIMEOUT: 20
 */
#include <dlfcn.h>
#include <cstdio>
#include <cstdlib>

static const char source[] =
    "#include <csetjmp>\n#include <new>\n#include <thread>\n"
    "static int made;\n"
    "struct setup {\n"
    "    setup()\n"
    "    {\n"
    "        std::thread([] {\n"
    "            std::jmp_buf back;\n"
    "            if (!setjmp(back)) std::longjmp(back, 1);\n"
    "            delete[] new (std::nothrow) char[made + 100];\n"
    "            delete new int;\n"
    "            made++;\n"
    "        }).join();\n"
    "    }\n"
    "} one;\n"
    "extern \"C\" int run() { return made; }\n";

int main()
{
    FILE *file = fopen("joins.cc", "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= c++ -shared -fPIC -O1 -g -o joins.so joins.cc -pthread"))
        return 2;
    void *library = dlopen("./joins.so", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return 3;
    int (*run)() = (int (*)())dlsym(library, "run");
    printf("%d\n", run());
    return run() != 1;
}
