/*
 * A queued lock whose nodes are thread-local variables of the program, the address of which only a plugin takes. The program
 * waits at its own node relative to fs, and another plugin does, that knows the variable by its name. What the lock guards
 * does not race.
 *
 * EXPECT: none
 * MODE: patched
 * LIBS: -ldl -rdynamic
 * ENV: GOROCHECK_OPTIONS=patch=app
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local atomic_int own;
static atomic_int *_Atomic other;
static char data[64];
static atomic_int *(*address)(void);
static void (*wait_there)(void);

static void wait_here(void)
{
    while (atomic_load_explicit(&own, memory_order_acquire))
        sched_yield();
}

static void *second(void *there)
{
    atomic_store_explicit(&own, 1, memory_order_relaxed); /* before anybody knows it */
    atomic_exchange(&other, address());
    if (there)
        wait_there();
    else
        wait_here();
    return data[0] == 1 && data[63] == 1 ? NULL : data;
}

static void *load(const char *name, const char *source, const char *function)
{
    char command[200], file[40];
    snprintf(file, sizeof file, "./%s.so", name);
    snprintf(command, sizeof command,
             "LD_PRELOAD= cc -x c -shared -fPIC -O2 -ftls-model=initial-exec -o %s -", file);
    FILE *pipe = popen(command, "w");
    if (!pipe || fputs(source, pipe) < 0 || pclose(pipe))
        exit(2);
    void *library = dlopen(file, RTLD_NOW);
    return library ? dlsym(library, function) : NULL;
}

int main(void)
{
    *(void **)(void *)&address = load(
        "address", "extern _Thread_local int own; int *address(void) { return &own; }", "address");
    *(void **)(void *)&wait_there = load(
        "wait",
        "#include <sched.h>\n"
        "extern _Thread_local volatile int own; void wait(void) { while (own) sched_yield(); }",
        "wait");
    if (!address || !wait_there)
        return 3;
    for (int there = 0; there < 2; there++) {
        pthread_t thread;
        atomic_int *waiter;
        void *bad;
        atomic_store(&other, NULL);
        memset(data, 0, sizeof data);
        pthread_create(&thread, NULL, second, there ? data : NULL);
        while (!(waiter = atomic_load(&other)))
            sched_yield();
        memset(data, 1, sizeof data);
        atomic_exchange(waiter, 0);
        pthread_join(thread, &bad);
        if (bad)
            return 1;
    }
    return 0;
}
