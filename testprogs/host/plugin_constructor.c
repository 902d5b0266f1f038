/*
 * A C program whose plugin is C++. Its constructor, within dlopen, makes threads that throw, initialise a static, allocate and
 * so call for the first time what the C++ library has, and waits for them. And it has instances of templates that the C++
 * library has too, so that the dynamic linker takes its lock once more before it has relocated that library.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * LIBS: -ldl
 * TIMEOUT: 100
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static const char source[] =
    "#include <pthread.h>\n#include <stdexcept>\n#include <string>\n"
    "static int done;\n"
    "static void *work(void *unused)\n"
    "{\n"
    "    static std::string made(\"one that is too long to be kept in the object\");\n"
    "    try {\n"
    "        made.at(made.size());\n"
    "    } catch (const std::out_of_range &) {\n"
    "        __atomic_fetch_add(&done, 1, __ATOMIC_ACQ_REL);\n"
    "    }\n"
    "    delete new std::string(made);\n"
    "    return unused;\n"
    "}\n"
    "static struct setup {\n"
    "    setup()\n"
    "    {\n"
    "        pthread_t threads[3];\n"
    "        for (auto &thread : threads) pthread_create(&thread, nullptr, work, nullptr);\n"
    "        for (auto &thread : threads) pthread_join(thread, nullptr);\n"
    "    }\n"
    "} one;\n"
    "extern \"C\" int run() { return done; }\n";

int main(void)
{
    FILE *file = fopen("constructor.cc", "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= c++ -shared -fPIC -O0 -g -o constructor.so constructor.cc -pthread"))
        return 2;
    void *library = dlopen("./constructor.so", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return 3;
    int (*run)(void);
    *(void **)&run = dlsym(library, "run");
    printf("%d\n", run());
    return run() != 3;
}
