/*
 * The dynamic linker's lock orders: a library's constructor, run in one thread, is before the return of a later dlopen of
 * it in another, both of one that comes when all is done and of one that waits while the constructor runs; a destructor,
 * run by dlclose, is before the constructor that a later dlopen runs.
 *
 * EXPECT: none
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
    "void plugin_begin(void), plugin_end(void);\n"
    "__attribute__((constructor)) static void begin(void) { plugin_begin(); }\n"
    "__attribute__((destructor)) static void end(void) { plugin_end(); }\n";
static long parts[4], ended, round;

/* Called by the constructor. In the first round another thread waits for the same dlopen. */
void plugin_begin(void)
{
    if (round == 0) {
        order_signal(2);
        order_blocked(1);
    }
    for (int i = 0; i < 4; i++)
        parts[i] += ended + 1;
}

void plugin_end(void)
{
    ended = parts[0];
    round++;
}

static void *load(void)
{
    void *library = dlopen("./plugin.so", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        abort();
    return library;
}

static void *waits(void *unused)
{
    (void)unused;
    order_wait(2);
    order_block(1);
    void *library = load();
    printf("%ld\n", parts[0]);
    dlclose(library);
    order_signal(3);
    return NULL;
}

static void *comes_later(void *unused)
{
    (void)unused;
    order_wait(4);
    void *library = load();
    printf("%ld\n", parts[1]);
    order_signal(5);
    order_wait(6);
    dlclose(library);
    order_signal(7);
    return NULL;
}

static void *comes_last(void *unused)
{
    (void)unused;
    order_wait(7);
    void *library = load();
    printf("%ld\n", parts[2]);
    dlclose(library);
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    FILE *file = fopen("plugin.c", "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -fPIC -O1 -o plugin.so plugin.c"))
        return 2;
    pthread_create(&threads[0], NULL, waits, NULL);
    pthread_create(&threads[1], NULL, comes_later, NULL);
    pthread_create(&threads[2], NULL, comes_last, NULL);
    void *library = load();
    order_wait(3);
    order_signal(4);
    order_wait(5);
    dlclose(library);
    order_signal(6);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
