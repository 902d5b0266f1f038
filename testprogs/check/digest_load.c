/*
 * A server in small, for testprogs/check/digest: tasks that lock, allocate and free for as many seconds as they are told,
 * and count without the lock, first of all and now and then. With a second argument it does so in a child process too,
 * or with a task that sleeps all the time and one that the recorder does not see made.
 *
 *     digest_load SECONDS [fork|foreign]
 */
#include <dlfcn.h>
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

static pthread_cond_t morning = PTHREAD_COND_INITIALIZER;
static int awake, asleep;

static void *sleep_on(void *unused)
{
    pthread_mutex_lock(&locks[0]);
    asleep = 1;
    while (!awake)
        pthread_cond_wait(&morning, &locks[0]);
    pthread_mutex_unlock(&locks[0]);
    return unused;
}

/* The C library's own function, past whoever has put another one before it. */
static void make_foreign(pthread_t *task)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *library = dlopen("libc.so.6", RTLD_NOW);
    *(void **)&create = library ? dlsym(library, "pthread_create") : NULL;
    if (!create || create(task, NULL, serve, (void *)TASKS))
        abort();
}

static void sleeper_begin(pthread_t *sleeper, pthread_t *foreign)
{
    pthread_create(sleeper, NULL, sleep_on, NULL);
    for (int there = 0; !there;) {
        pthread_mutex_lock(&locks[0]);
        there = asleep;
        pthread_mutex_unlock(&locks[0]);
    }
    make_foreign(foreign);
}

static void sleeper_end(pthread_t sleeper, pthread_t foreign)
{
    pthread_join(foreign, NULL);
    pthread_mutex_lock(&locks[0]);
    awake = 1;
    pthread_cond_signal(&morning);
    pthread_mutex_unlock(&locks[0]);
    pthread_join(sleeper, NULL);
}

int main(int argc, char **argv)
{
    until = now() + (argc > 1 ? atof(argv[1]) : 1);
    int sleeps = argc > 2 && strcmp(argv[2], "foreign") == 0;
    pid_t child = argc > 2 && !sleeps ? fork() : -1;
    pthread_t sleeper, foreign;
    pthread_t tasks[TASKS];
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&locks[i], NULL);
    if (sleeps)
        sleeper_begin(&sleeper, &foreign);
    for (size_t i = 0; i < TASKS; i++)
        pthread_create(&tasks[i], NULL, serve, (void *)i);
    for (size_t i = 0; i < TASKS; i++)
        pthread_join(tasks[i], NULL);
    if (sleeps)
        sleeper_end(sleeper, foreign);
    if (child == 0)
        return 0;
    if (child > 0)
        waitpid(child, NULL, 0);
    puts("served");
    return 0;
}
