/*
 * Data races: scans the access streams, lets the workers check them and reports what they found.
 * How it works is told in race.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/analysis.h"
#include "analyzer/crew.h"
#include "analyzer/digest.h"
#include "analyzer/memory.h"
#include "analyzer/race_source.h"

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
    struct race_source *source;
    struct race_worker *workers; /* NULL: the scan is under way */
    unsigned jobs;
    bool bar;
    double start;
    uint64_t total; /* records that all workers will take */
};

static bool scan_job(void *data, unsigned part)
{
    const struct pool *pool = data;
    (void)part;
    race_scan_run(pool->scan);
    return true;
}

static bool check_job(void *data, unsigned part)
{
    const struct pool *pool = data;
    if (!race_workers_advance(pool->workers, part, true))
        return false;
    if (part < race_worker_count(pool->workers))
        race_refine(&pool->workers[part]);
    return true;
}

static void check_wait(void *data, unsigned part)
{
    const struct pool *pool = data;
    race_source_wait(pool->source, part);
}

static void show_progress(void *data)
{
    const struct pool *pool = data;
    uint64_t done = 0;
    if (seconds_now() - pool->start < 1)
        return;
    for (unsigned i = 0; pool->workers && i < race_worker_count(pool->workers); i++)
        done += atomic_load_explicit(&pool->workers[i].progress, memory_order_relaxed);
    if (!pool->workers || pool->total == 0) {
        fprintf(stderr, "\rgorocheck: reading accesses ...        ");
        return;
    }
    unsigned percent = (unsigned)(done * 100 / pool->total);
    char bar[41];
    memset(bar, ' ', sizeof(bar) - 1);
    memset(bar, '#', percent * 2 / 5);
    bar[40] = 0;
    fprintf(stderr, "\rgorocheck: checking accesses [%s] %3u %%", bar, percent);
}

static void run(struct pool *pool, bool (*work)(void *, unsigned), void (*wait)(void *, unsigned))
{
    struct crew crew = {.count = pool->jobs,
                        .data = pool,
                        .work = work,
                        .wait = wait,
                        .tick = pool->bar ? show_progress : NULL};
    crew_run(&crew);
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
                   struct race_worker *workers)
{
    unsigned count = race_worker_count(workers);
    tell_coverage(analysis, scan);
    for (unsigned i = 0; i < count; i++) {
        analysis->coverage.lines += workers[i].lines;
        analysis->coverage.history_dropped += workers[i].history.dropped;
        analysis->coverage.history_crowded += workers[i].history.crowded;
    }
    analysis->coverage.woken = race_worker_unsure(&workers[0]);
    if (workers[0].stalled)
        trace_problem(analysis->trace, "access", 0, "the streams wait for each other");
    race_report(analysis, workers, count);
}

unsigned race_worker_count(const struct race_worker *workers)
{
    return workers[0].source->shards;
}

/* Of so many threads, how many are workers; the others read ahead for them. Where all lines are worth a history it is
 * the check that takes the time. */
static unsigned workers_of(const struct race_scan *scan, unsigned jobs)
{
    return scan->grows ? (3 * jobs + 2) / 4 : (jobs + 1) / 2;
}

struct race_worker *race_workers_open(const struct race_scan *scan, const struct order *order,
                                      const struct race_live *live, unsigned jobs,
                                      uint64_t memory_limit)
{
    struct race_source *source = memory_get(1, sizeof(*source));
    unsigned count = workers_of(scan, jobs);
    struct race_worker *workers = memory_get(count, sizeof(*workers));
    race_source_open(source, scan, count, jobs - count);
    for (unsigned i = 0; i < count; i++) {
        workers[i].source = source;
        workers[i].scan = scan;
        workers[i].order = order;
        workers[i].live = live;
        workers[i].shard = (struct race_shard){.scan = scan, .index = i, .count = count};
        race_history_open(&workers[i].history, scan, scan->shared_count / count,
                          memory_limit / count);
        workers[i].history.order = order;
    }
    return workers;
}

void race_workers_close(struct race_worker *workers)
{
    struct race_source *source = workers[0].source;
    for (unsigned i = 0; i < source->shards; i++) {
        race_worker_end(&workers[i]);
        race_history_close(&workers[i].history);
    }
    race_source_close(source);
    free(source);
    free(workers);
}

bool race_workers_advance(struct race_worker *workers, unsigned part, bool final)
{
    struct race_source *source = workers[0].source;
    if (part >= source->shards)
        return race_source_help(source, part);
    if (!race_worker_advance(&workers[part], final))
        return false;
    race_source_leave(source);
    return true;
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
    run(&pool, scan_job, NULL);
    race_scan_end(&scan);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < scan.stream_count; i++) {
        bytes += scan.streams[i].bytes;
        pool.total += scan.streams[i].all_records;
    }
    if (bytes < SMALL_TRACE)
        pool.jobs = 1;
    static const struct race_live none = {NULL, NULL, 0};
    pool.workers = race_workers_open(&scan, analysis->order, &none, pool.jobs, limit);
    pool.source = pool.workers[0].source;
    pool.total *= pool.source->shards;
    race_source_again(pool.source, true);
    run(&pool, check_job, check_wait);
    if (pool.bar && seconds_now() - pool.start >= 1)
        fprintf(stderr, "\r%70s\r", "");
    race_conclude(analysis, &scan, pool.workers);
    race_workers_close(pool.workers);
    race_scan_close(&scan);
    analysis->coverage.race_seconds = seconds_now() - pool.start;
}
