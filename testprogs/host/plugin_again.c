/*
 * A plugin that is opened and closed three hundred times: what it copies is still recorded.
 *
 * EXPECT: race copy.c:2 copy.c:2 data[0]
 * SAYS: loaded 300 times
 * MODE: patched
 * ONLY: the plugin is not instrumented
 * LIBS: -ldl
 * ENV: GOROCHECK_OPTIONS=patch=app
 * TIMEOUT: 100
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../order.h"

static void (*copy)(void *, const void *);
static char data[64];

static void *first(void *from)
{
    copy(data, from);
    order_signal(1);
    return NULL;
}

static void *second(void *from)
{
    order_wait(1);
    copy(data, from);
    return NULL;
}

int main(void)
{
    FILE *file = fopen("copy.c", "w");
    if (!file ||
        fputs("#include <string.h>\n"
              "void copy(void *to, const void *from) { memcpy(to, from, 64); }\n",
              file) < 0 ||
        fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -fPIC -O1 -g -fno-builtin -o copy.so copy.c"))
        return 2;
    void *library = NULL;
    for (int i = 0; i < 300; i++) {
        if (library)
            dlclose(library);
        library = dlopen("./copy.so", RTLD_NOW);
    }
    if (!library)
        return 3;
    *(void **)(void *)&copy = dlsym(library, "copy");
    char from[64] = {1};
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, first, from);
    pthread_create(&threads[1], NULL, second, from);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
