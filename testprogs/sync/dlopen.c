/*
 * What the dynamic linker's lock does not order: who looks at what a constructor has written without a dlopen of his own,
 * and what is done after a dlopen has returned, though another's dlopen of the library comes later.
 *
 * EXPECT: race @begin @look part [proved]
 * EXPECT: race @after @later late [proved]
 * MODE: instrumented clang patched
 * ENV: GOROCHECK_OPTIONS=patch=app
 * CFLAGS: -rdynamic
 * LIBS: -ldl
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../order.h"

static const char source[] =
    "void plugin_begin(void);\n"
    "__attribute__((constructor)) static void begin(void) { plugin_begin(); }\n";
static long part, late;

void plugin_begin(void)
{
    part++; /* @begin */
}

static void *load(void)
{
    void *library = dlopen("./plugin.so", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        abort();
    return library;
}

static void *looks(void *unused)
{
    (void)unused;
    order_wait(1);
    part++; /* @look */
    order_signal(2);
    return NULL;
}

static void *comes_later(void *unused)
{
    (void)unused;
    order_wait(2);
    void *library = load();
    late++; /* @later */
    dlclose(library);
    order_signal(3);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    FILE *file = fopen("plugin.c", "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -fPIC -O1 -o plugin.so plugin.c"))
        return 2;
    pthread_create(&threads[0], NULL, looks, NULL);
    pthread_create(&threads[1], NULL, comes_later, NULL);
    void *library = load();
    late++; /* @after */
    order_signal(1);
    order_wait(3);
    dlclose(library);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
