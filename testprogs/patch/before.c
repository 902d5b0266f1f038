/*
 * Code that runs before the C library's own constructor calls what is intercepted: the recorder is alive from then on, the
 * program is patched when constructors run, and the C library knows its arguments and environment.
 *
 * EXPECT: race @main @thread value
 * MODE: plain instrumented
 * ENV: GOROCHECK_OPTIONS=patch=app WITNESS=seen
 * ONLY: it is about patching
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int value;
static void *early;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void first(void)
{
    pthread_mutex_lock(&mutex);
    early = malloc(100);
    pthread_mutex_unlock(&mutex);
}
__attribute__((section(".preinit_array"), used)) static void (*before)(void) = first;

static void *add(void *unused)
{
    value++; /* @thread */
    return unused;
}

int main(void)
{
    pthread_t thread;
    const char *witness = getenv("WITNESS");
    printf("%d %s %s\n", early != NULL, witness ? witness : "nothing",
           program_invocation_short_name ? "named" : "nameless");
    pthread_create(&thread, NULL, add, NULL);
    value++; /* @main */
    pthread_join(thread, NULL);
    free(early);
    return 0;
}
