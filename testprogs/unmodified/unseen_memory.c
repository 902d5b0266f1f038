/*
 * A process in between that hands on by memory it shares: each flag is written here or there alone, so that no race shows
 * them.
 *
 * EXPECT: race @fill @read place[0] [suspected]
 * MODE: patched instrumented
 * CFLAGS: -fno-builtin
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char place[256], copy[256];
static atomic_int *flags;

static void await(atomic_int *flag)
{
    while (!atomic_load(flag))
        nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static void *first(void *unused)
{
    memset(place, 1, sizeof place); /* @fill */
    atomic_store_explicit(&flags[0], 1, memory_order_release);
    return unused;
}

static void *second(void *unused)
{
    await(&flags[100]);
    memcpy(copy, place, sizeof copy); /* @read */
    return unused;
}

int main(void)
{
    pthread_t a, b;
    flags = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (flags == MAP_FAILED)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        await(&flags[0]);
        atomic_store(&flags[100], 1);
        _exit(0);
    }
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    waitpid(child, NULL, 0);
    return copy[3] != 1;
}
