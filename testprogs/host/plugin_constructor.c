/*
 * A C program whose plugin is C++. Its constructor, within dlopen, makes threads that throw, initialise a static, allocate and
 * so call for the first time what the C++ library has, and waits for them. And it has instances of templates that the C++
 * library has too, so that the dynamic linker takes its lock once more before it has relocated that library.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * LIBS: -ldl
 * TIMEOUT: 30
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static const char source[] =
    "#include <atomic>\n#include <mutex>\n#include <stdexcept>\n#include <string>\n"
    "#include <thread>\n#include <vector>\n"
    "static std::atomic<int> done;\n"
    "static std::once_flag once;\n"
    "struct setup {\n"
    "    setup()\n"
    "    {\n"
    "        std::vector<std::thread> threads;\n"
    "        for (int i = 0; i < 3; i++)\n"
    "            threads.emplace_back([] {\n"
    "                static std::string made(\"one that is too long to be kept in the object\");\n"
    "                try {\n"
    "                    std::stoi(std::string(made));\n"
    "                } catch (const std::invalid_argument &) {\n"
    "                    done++;\n"
    "                }\n"
    "                std::call_once(once, [] { done += 10; });\n"
    "            });\n"
    "        for (auto &thread : threads) thread.join();\n"
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
    return run() != 13;
}
