/*
 * Data races: scans the access streams, lets the workers check them and reports what they found.
 * How it works is told in race.h.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/analysis.h"
#include "analyzer/digest.h"
#include "analyzer/memory.h"
#include "analyzer/race.h"

#define JOBS_MAX 256u
#define SMALL_TRACE \
    (UINT64_C(1) << 20) /* bytes: below this a second thread costs more than it brings */

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t default_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || size <= 0)
        return UINT64_C(1) << 30;
    return (uint64_t)pages * (uint64_t)size / 2;
}

/* ---- threads and the progress bar ---- */

struct pool {
    struct race_scan *scan;
    struct race_worker *workers;
    unsigned jobs;
    bool bar;
    double start;
    uint64_t total; /* bytes all workers will read */
};

struct job {
    struct pool *pool;
    unsigned index;
    bool started;
    pthread_t thread;
};

static void *scan_job(void *argument)
{
    const struct job *job = argument;
    race_scan_run(job->pool->scan);
    return NULL;
}

static void *check_job(void *argument)
{
    const struct job *job = argument;
    race_worker_advance(&job->pool->workers[job->index], true);
    race_refine(&job->pool->workers[job->index]);
    return NULL;
}

static void show_progress(const struct pool *pool)
{
    uint64_t done = 0;
    if (!pool->bar || seconds_now() - pool->start < 1)
        return;
    for (unsigned i = 0; pool->workers && i < pool->jobs; i++)
        done += atomic_load_explicit(&pool->workers[i].progress, memory_order_relaxed);
    if (!pool->workers || pool->total == 0) {
        fprintf(stderr, "\rgorocheck: reading accesses ...        ");
        return;
    }
    unsigned percent = (unsigned)(done * 100 / pool->total);
    char bar[41];
    memset(bar, ' ', sizeof(bar) - 1);
    memset(bar, '#', percent * 2 / 5 > 40 ? 40 : percent * 2 / 5);
    bar[40] = 0;
    fprintf(stderr, "\rgorocheck: checking accesses [%s] %3u %%", bar,
            percent > 100 ? 100 : percent);
}

/* Runs `function` on all jobs; what no thread can be had for is done here. */
static void run_jobs(struct pool *pool, void *(*function)(void *))
{
    struct job *jobs = memory_get(pool->jobs, sizeof(*jobs));
    for (unsigned i = 0; i < pool->jobs; i++) {
        jobs[i] = (struct job){.pool = pool, .index = i};
        if (pool->jobs > 1 || pool->bar)
            jobs[i].started = pthread_create(&jobs[i].thread, NULL, function, &jobs[i]) == 0;
    }
    for (unsigned i = 0; i < pool->jobs; i++)
        if (!jobs[i].started)
            function(&jobs[i]);
    for (unsigned i = 0; i < pool->jobs; i++) {
        while (jobs[i].started) {
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec += until.tv_nsec >= 800000000;
            until.tv_nsec = (until.tv_nsec + 200000000) % 1000000000;
            if (pthread_timedjoin_np(jobs[i].thread, NULL, &until) == 0)
                break;
            show_progress(pool);
        }
    }
    free(jobs);
}

/* ---- what was seen ---- */

static void tell_coverage(struct analysis *analysis, const struct race_scan *scan)
{
    for (uint32_t i = 0; i < scan->trace->stream_count; i++) {
        const struct race_scan_stream *stream = &scan->streams[i];
        char name[32];
        snprintf(name, sizeof(name), "access.%u", i);
        analysis->coverage.access_records += stream->lines;
        analysis->coverage.access_bytes += stream->bytes;
        if (stream->error)
            trace_problem(analysis->trace, name, stream->error_offset, "%s", stream->error);
        if (stream->lost)
            trace_problem(analysis->trace, name, 0, "%llu records are missing",
                          (unsigned long long)stream->lost);
    }
}

static bool any_access(const struct trace *trace)
{
    for (uint32_t i = 0; i < trace->stream_count; i++)
        if (trace->access[i].size)
            return true;
    return false;
}

void race_resources(unsigned *jobs, uint64_t *memory_limit)
{
    if (*jobs == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        *jobs = cores > 0 ? (unsigned)cores : 1;
    }
    if (*jobs > JOBS_MAX)
        *jobs = JOBS_MAX;
    if (*memory_limit == 0)
        *memory_limit = default_limit();
}

void race_conclude(struct analysis *analysis, const struct race_scan *scan,
                   struct race_worker *workers, unsigned jobs)
{
    tell_coverage(analysis, scan);
    for (unsigned i = 0; i < jobs; i++) {
        analysis->coverage.lines += workers[i].lines;
        analysis->coverage.history_dropped += workers[i].history.dropped;
    }
    if (workers[0].stalled)
        trace_problem(analysis->trace, "access", 0, "the streams wait for each other");
    race_report(analysis, workers, jobs);
}

void detect_race(struct analysis *analysis)
{
    if (analysis->digest) {
        digest_report(analysis->digest, analysis);
        return;
    }
    if (!any_access(analysis->trace))
        return;
    const struct analysis_options *options = analysis->options;
    struct race_scan scan;
    struct pool pool = {.scan = &scan, .start = seconds_now(), .jobs = options->jobs};
    uint64_t limit = options->memory_limit;
    pool.bar = options->progress && isatty(STDERR_FILENO);
    race_resources(&pool.jobs, &limit);
    race_scan_open(&scan, analysis->trace, analysis->order->task_count, false);
    run_jobs(&pool, scan_job);
    race_scan_end(&scan);
    for (uint32_t i = 0; i < scan.stream_count; i++)
        pool.total += scan.streams[i].bytes;
    if (pool.total < SMALL_TRACE)
        pool.jobs = 1;
    pool.total *= pool.jobs;
    static const struct race_live none = {NULL, NULL, 0};
    struct race_worker *workers = memory_get(pool.jobs, sizeof(*workers));
    for (unsigned i = 0; i < pool.jobs; i++) {
        workers[i].scan = &scan;
        workers[i].order = analysis->order;
        workers[i].live = &none;
        workers[i].shard = (struct race_shard){.scan = &scan, .index = i, .count = pool.jobs};
        race_places_open(&workers[i].places);
        race_history_open(&workers[i].history, &scan, scan.shared_count / pool.jobs,
                          limit / pool.jobs);
        workers[i].history.order = analysis->order;
    }
    pool.workers = workers;
    run_jobs(&pool, check_job);
    if (pool.bar && seconds_now() - pool.start >= 1)
        fprintf(stderr, "\r%70s\r", "");
    race_conclude(analysis, &scan, workers, pool.jobs);
    for (unsigned i = 0; i < pool.jobs; i++) {
        race_worker_end(&workers[i]);
        race_places_close(&workers[i].places);
        race_history_close(&workers[i].history);
    }
    free(workers);
    race_scan_close(&scan);
    analysis->coverage.race_seconds = seconds_now() - pool.start;
}
