/*
 * What synchronisation and tasks cost, for `make bench`.
 *
 *     tasks shared N      two threads, each N times: lock one mutex, add to a counter, unlock
 *     tasks own N         the same, each with a mutex and a counter of its own
 *     tasks row N         N threads, created and joined one after the other
 *     tasks alive N       N threads alive at once, all waiting at one barrier
 *     tasks busy N        N threads alive at once, each with locks and 1 MiB of its own to touch
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 128 };

static unsigned long count;
static struct {
    pthread_mutex_t mutex;
    unsigned long value;
    char apart[LINE];
} counters[3];
static pthread_barrier_t barrier;

static void *lock_worker(void *argument)
{
    size_t which = (size_t)argument;
    for (unsigned long i = 0; i < count; i++) {
        pthread_mutex_lock(&counters[which].mutex);
        counters[which].value++;
        pthread_mutex_unlock(&counters[which].mutex);
    }
    return NULL;
}

static void *row_worker(void *argument)
{
    counters[0].value++;
    return argument;
}

static void *alive_worker(void *argument)
{
    pthread_barrier_wait(&barrier);
    return argument;
}

static void *busy_worker(void *argument)
{
    enum { WORDS = 1 << 18 };
    uint32_t *words = calloc(WORDS, sizeof *words), at = (uint32_t)(uintptr_t)argument;
    if (!words)
        abort();
    for (int i = 0; i < 200000; i++) {
        at = at * 1664525u + 1013904223u;
        words[at >> 14]++;
        if (i % 64 == 0) {
            pthread_mutex_lock(&counters[0].mutex);
            counters[0].value += words[at >> 14];
            pthread_mutex_unlock(&counters[0].mutex);
        }
    }
    pthread_barrier_wait(&barrier);
    free(words);
    return NULL;
}

static void start(pthread_t *thread, void *(*worker)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024); /* thousands must fit */
    int error = pthread_create(thread, &attributes, worker, argument);
    pthread_attr_destroy(&attributes);
    if (error) {
        fprintf(stderr, "tasks: pthread_create: %s\n", strerror(error));
        exit(1);
    }
}

static void run_locks(size_t first, size_t second)
{
    pthread_t threads[2];
    start(&threads[0], lock_worker, (void *)first);
    start(&threads[1], lock_worker, (void *)second);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

static void run_row(void)
{
    for (unsigned long i = 0; i < count; i++) {
        pthread_t thread;
        start(&thread, row_worker, NULL);
        pthread_join(thread, NULL);
    }
}

static void run_together(void *(*worker)(void *))
{
    pthread_t *threads = malloc(count * sizeof *threads);
    if (!threads)
        abort();
    pthread_barrier_init(&barrier, NULL, (unsigned)count);
    for (unsigned long i = 0; i < count; i++)
        start(&threads[i], worker, (void *)(i + 1));
    for (unsigned long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    free(threads);
}

int main(int argc, char **argv)
{
    count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    const char *what = count ? argv[1] : "";
    for (size_t i = 0; i < 3; i++)
        pthread_mutex_init(&counters[i].mutex, NULL);
    if (!strcmp(what, "shared"))
        run_locks(0, 0);
    else if (!strcmp(what, "own"))
        run_locks(1, 2);
    else if (!strcmp(what, "row"))
        run_row();
    else if (!strcmp(what, "alive"))
        run_together(alive_worker);
    else if (!strcmp(what, "busy"))
        run_together(busy_worker);
    else {
        fprintf(stderr, "usage: tasks shared|own|row|alive|busy N\n");
        return 2;
    }
    printf("%s %lu: %lu\n", what, count,
           counters[1].value + counters[2].value + (strcmp(what, "busy") ? counters[0].value : 0));
    return 0;
}
