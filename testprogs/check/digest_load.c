/*
 * A server in small, for testprogs/check/digest: tasks that lock, allocate and free for as many seconds as they are told,
 * and count without the lock, first of all and now and then. With a second argument it does so in a child process too.
 *
 *     digest_load SECONDS [fork]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TASKS 4
#define LOCKS 16
#define SLOTS 64

static pthread_mutex_t locks[LOCKS];
static long *slots[LOCKS][SLOTS];
static long done[LOCKS], racy;
static double until;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *serve(void *argument)
{
    racy++; /* no task has synchronised with another yet */
    unsigned seed = 2463534242u + 77u * (unsigned)(size_t)argument;
    for (long count = 0; count % 1000 || now() < until; count++) {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        unsigned lock = seed % LOCKS;
        pthread_mutex_lock(&locks[lock]);
        long **slot = &slots[lock][seed / LOCKS % SLOTS];
        if (*slot && seed >> 28 == 0) {
            free(*slot);
            *slot = NULL;
        }
        if (!*slot && !(*slot = calloc(1, 256 + seed % 512)))
            abort();
        ++**slot;
        done[lock]++;
        pthread_mutex_unlock(&locks[lock]);
        if (count % 1000 == 0)
            racy++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    until = now() + (argc > 1 ? atof(argv[1]) : 1);
    pid_t child = argc > 2 ? fork() : -1;
    pthread_t tasks[TASKS];
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&locks[i], NULL);
    for (size_t i = 0; i < TASKS; i++)
        pthread_create(&tasks[i], NULL, serve, (void *)i);
    for (size_t i = 0; i < TASKS; i++)
        pthread_join(tasks[i], NULL);
    if (child == 0)
        return 0;
    if (child > 0)
        waitpid(child, NULL, 0);
    puts("served");
    return 0;
}
