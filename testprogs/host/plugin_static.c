/*
 * A C program with C++ plugins. A thread is the first to need what the C++ library has (the guard of a static, operator new),
 * while another plugin's constructor, within dlopen, waits for that static: whoever looked for a name now would wait for the
 * dynamic linker's lock, and the constructor for it.
 *
 * EXPECT: none
 * MODE: plain patched
 * LIBS: -ldl
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char first[] =
    "#include <semaphore.h>\n"
    "extern \"C\" { sem_t within, meanwhile; }\n"
    "__attribute__((constructor)) static void setup()\n"
    "{\n"
    "    sem_init(&within, 0, 0);\n"
    "    sem_init(&meanwhile, 0, 0);\n"
    "}\n"
    "struct made {\n"
    "    int *place;\n"
    "    made() { sem_post(&within); sem_wait(&meanwhile); place = new int[10]; }\n"
    "};\n"
    "extern \"C\" int *get() { static made once; return once.place; }\n";
static const char second[] = "#include <semaphore.h>\n"
                             "extern \"C\" { extern sem_t within, meanwhile; int *get(); }\n"
                             "__attribute__((constructor)) static void setup()\n"
                             "{\n"
                             "    sem_wait(&within);\n"
                             "    sem_post(&meanwhile);\n"
                             "    get();\n"
                             "}\n";

static void build(const char *name, const char *source)
{
    char line[100];
    snprintf(line, sizeof line, "%s.cc", name);
    FILE *file = fopen(line, "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        abort();
    snprintf(line, sizeof line, "LD_PRELOAD= c++ -shared -fPIC -O1 -o %s.so %s.cc", name, name);
    if (system(line))
        abort();
}

static void *call(void *get)
{
    ((int *(*)(void))get)();
    return NULL;
}

int main(void)
{
    pthread_t thread;
    build("first", first);
    build("second", second);
    void *library = dlopen("./first.so", RTLD_NOW | RTLD_GLOBAL);
    if (!library || pthread_create(&thread, NULL, call, dlsym(library, "get")))
        return 1;
    if (!dlopen("./second.so", RTLD_NOW))
        return 2;
    pthread_join(thread, NULL);
    puts("ok");
    return 0;
}
