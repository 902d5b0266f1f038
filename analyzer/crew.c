/*
 * Threads for parts of some work: see crew.h.
 */
#include "analyzer/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "analyzer/memory.h"

#define TICK_NS 200000000

struct part {
    const struct crew *crew;
    unsigned index;
    bool started, done;
    pthread_t thread;
};

static void *run_part(void *argument)
{
    const struct part *part = argument;
    const struct crew *crew = part->crew;
    while (!crew->work(crew->data, part->index))
        crew->wait(crew->data, part->index);
    return NULL;
}

/* Parts without a thread: one as if it had one, several each as far as it can get, over and over. */
static void run_rest(const struct crew *crew, struct part *parts, unsigned count)
{
    for (unsigned left = count; left;) {
        for (unsigned i = 0; i < crew->count; i++) {
            if (parts[i].started || parts[i].done)
                continue;
            if (left == 1)
                run_part(&parts[i]);
            parts[i].done = left == 1 || crew->work(crew->data, i);
            left -= parts[i].done;
        }
        sched_yield();
    }
}

static void join(const struct crew *crew, const struct part *part)
{
    while (crew->tick) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += until.tv_nsec + TICK_NS >= 1000000000;
        until.tv_nsec = (until.tv_nsec + TICK_NS) % 1000000000;
        if (pthread_timedjoin_np(part->thread, NULL, &until) == 0)
            return;
        crew->tick(crew->data);
    }
    pthread_join(part->thread, NULL);
}

void crew_run(const struct crew *crew)
{
    struct part *parts = memory_get(crew->count, sizeof(*parts));
    unsigned rest = 0;
    for (unsigned i = 0; i < crew->count; i++) {
        parts[i] = (struct part){.crew = crew, .index = i};
        if (i > 0 || crew->tick) /* else the caller has nothing better to do */
            parts[i].started = pthread_create(&parts[i].thread, NULL, run_part, &parts[i]) == 0;
        rest += !parts[i].started;
    }
    run_rest(crew, parts, rest);
    for (unsigned i = 0; i < crew->count; i++)
        if (parts[i].started)
            join(crew, &parts[i]);
    free(parts);
}
