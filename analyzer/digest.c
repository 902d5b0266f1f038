/*
 * Digesting a trace: see digest.h. In rounds, each of which
 *   - reads what the streams hold by now, first the accesses, then who is after whom, then the tables;
 *   - lets the workers check the accesses up to where the round before had read, because only of
 *     these it is certain that all they are after has been read, whatever stream it is in;
 *   - retires edges and gives back the disk space of what nobody will read again.
 *
 * When a task waits for another one to be done with a segment, no record may ever tell that it is.
 * So the recorder (digest=) writes all accesses of a segment before the task's slot shows the next
 * one: a slot that was read before the streams tells which segments are complete in them.
 *
 * Invariant: `live` and the grants belong to the same moment, that of the round before.
 */
#include "analyzer/digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/crew.h"
#include "analyzer/cut.h"
#include "analyzer/follow.h"
#include "analyzer/memory.h"
#include "analyzer/race_source.h"
#include "analyzer/trace_file.h"

#define TICK_NS 50000000
#define TICK_SHARE \
    4u /* of the time at least three quarters are the program's, if rounds take long */
#define ROUND       (UINT64_C(1) << 21) /* records: half a second, so that a writer never waits long */
#define RETIRE_FROM (UINT64_C(1) << 18) /* edges: 10 MB */

struct digest {
    char *path;
    struct digest_options options;
    struct follow *follow;
    struct order *order;
    struct race_scan scan;
    struct race_worker *workers;
    unsigned jobs;
    struct race_live live, coming, next; /* of the grants, of the last round, of the present one */
    uint64_t *read;                      /* [read_count] records of each stream at the last round */
    uint32_t read_count;
    struct cut cut;
    uint64_t retire_at;
    bool begun;
    bool more; /* than the last round read */
};

struct digests {
    struct digest_options options;
    struct digest **items;
    uint32_t count, capacity;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool running, stop;
};

/* ---- one round ---- */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What the slots say now is true of all that the streams will be found to hold. */
static void note_live(struct digest *digest)
{
    const struct trace *trace = digest->follow->trace;
    struct race_live *next = &digest->next;
    next->segments = memory_resize(next->segments, trace->task_count, sizeof(*next->segments));
    next->over = memory_resize(next->over, trace->task_count, sizeof(*next->over));
    next->count = trace->task_count;
    for (uint32_t t = 0; t < trace->task_count; t++) {
        next->segments[t] = trace->tasks[t].state ? trace->tasks[t].segment : 0;
        next->over[t] = trace->tasks[t].state == TRACE_TASK_ENDED;
    }
}

/* ... and of what was read of them, where that is all: a goroutine may be in any stream. */
static void judge_live(struct digest *digest)
{
    const struct trace *trace = digest->follow->trace;
    struct race_live *next = &digest->next;
    for (uint32_t t = 0; t < next->count; t++) {
        uint32_t stream = digest->order->lists[t].stream;
        uint32_t kind = trace->tasks[t].kind;
        bool whole = kind == TRACE_TASK_THREAD && stream && stream <= digest->scan.stream_count &&
                     digest->scan.streams[stream - 1].whole;
        next->segments[t] = whole ? next->segments[t] : 0;
        next->over[t] = kind == TRACE_TASK_CLOCK || (whole && next->over[t]);
    }
}

static void grant(struct digest *digest)
{
    struct race_live old = digest->live;
    judge_live(digest);
    for (uint32_t i = 0; i < digest->read_count; i++)
        digest->scan.streams[i].granted = digest->read[i];
    digest->read = memory_resize(digest->read, digest->scan.stream_count, sizeof(*digest->read));
    digest->read_count = digest->scan.stream_count;
    for (uint32_t i = 0; i < digest->read_count; i++)
        digest->read[i] = digest->scan.streams[i].all_records;
    digest->live = digest->coming;
    digest->coming = digest->next;
    digest->next = old;
}

static bool check(void *data, unsigned part)
{
    const struct digest *digest = data;
    return race_workers_advance(digest->workers, part, false);
}

static bool check_rest(void *data, unsigned part)
{
    const struct digest *digest = data;
    return race_workers_advance(digest->workers, part, true);
}

static void check_wait(void *data, unsigned part)
{
    const struct digest *digest = data;
    race_source_wait(digest->workers[0].source, part);
}

static void run_workers(struct digest *digest, bool final)
{
    struct crew crew = {.count = digest->jobs,
                        .data = digest,
                        .work = final ? check_rest : check,
                        .wait = check_wait};
    race_source_again(digest->workers[0].source, final);
    crew_run(&crew);
}

static uint64_t retire_from(const struct digest *digest)
{
    return digest->options.from / 64 < RETIRE_FROM ? digest->options.from / 64 : RETIRE_FROM;
}

static void begin(struct digest *digest)
{
    const struct digest_options *options = &digest->options;
    race_scan_open(&digest->scan, digest->follow->trace, digest->order->task_count, true);
    digest->workers = race_workers_open(&digest->scan, digest->order, &digest->live, digest->jobs,
                                        options->memory_limit);
    digest->retire_at = retire_from(digest);
    digest->cut.patience = options->patience;
    digest->begun = true;
}

static bool scan(void *data, unsigned part)
{
    struct digest *digest = data;
    (void)part;
    race_scan_run(&digest->scan);
    return true;
}

static void read_on(struct digest *digest)
{
    struct crew crew = {.count = digest->jobs, .data = digest, .work = scan};
    order_read(digest->order, digest->follow->trace);
    race_scan_again(&digest->scan, digest->order->task_count);
    crew_run(&crew);
    race_scan_end(&digest->scan);
    digest->more = false;
    for (uint32_t i = 0; i < digest->scan.stream_count; i++)
        digest->more = digest->more || !digest->scan.streams[i].whole;
}

static void retire(struct digest *digest)
{
    uint64_t now = now_ns(), edges = order_edges_left(digest->order);
    uint32_t before = digest->order->retirements;
    enum cut_need need = cut_need(&digest->cut, &digest->workers[0], now);
    if (edges >= digest->retire_at)
        need = CUT_NOW;
    else if (edges >= digest->retire_at / 2 && need == CUT_LATER)
        need = CUT_SOON;
    if (need != CUT_LATER)
        cut_make(&digest->cut, digest->order, &digest->workers[0], need, now);
    if (digest->order->retirements == before)
        return;
    uint64_t left = order_edges_left(digest->order), from = retire_from(digest);
    digest->retire_at = 2 * left > from ? 2 * left : from;
}

static void give_back(struct digest *digest)
{
    for (uint32_t i = 0; i < digest->scan.stream_count; i++)
        follow_give_back(digest->follow, TRACE_FILE_ACCESS, i,
                         race_source_read(digest->workers[0].source, i));
    for (uint32_t i = 0; i < digest->order->cursor_count; i++)
        follow_give_back(digest->follow, TRACE_FILE_SYNC, i,
                         stream_place_needs(&digest->order->cursors[i].place, TRACE_SYNC_OFFSET));
}

void digest_round(struct digest *digest)
{
    note_live(digest);
    cut_look(&digest->cut, digest->follow->trace, now_ns());
    follow_advance(digest->follow);
    if (!digest->begun)
        begin(digest);
    digest->scan.step = ROUND / (digest->follow->trace->stream_count + 1u) + ROUND / 64;
    read_on(digest);
    digest->scan.step = 0;
    grant(digest);
    run_workers(digest, false);
    retire(digest);
    give_back(digest);
}

/* ---- which traces ---- */

static uint64_t trace_bytes(const char *path)
{
    struct trace_process process = {.state = 0};
    char *name = memory_format("%s/process", path);
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    free(name);
    if (fd < 0)
        return 0;
    ssize_t size = pread(fd, &process, sizeof(process), TRACE_TABLE_OFFSET);
    close(fd);
    return size == (ssize_t)sizeof(process) && process.state == 1 ? process.written : 0;
}

struct digest *digest_open(const char *path, const struct digest_options *options)
{
    char *error = NULL;
    struct follow *follow = follow_open(path, options->keep, &error);
    free(error);
    if (!follow)
        return NULL;
    struct digest *digest = memory_get(1, sizeof(*digest));
    digest->path = memory_text(path);
    digest->follow = follow;
    digest->options = *options;
    race_resources(&digest->options.jobs, &digest->options.memory_limit);
    digest->jobs = digest->options.jobs;
    digest->order = order_begin();
    order_keep_begin(digest->order);
    return digest;
}

void digest_free(struct digest *digest)
{
    if (digest->begun) {
        race_workers_close(digest->workers);
        race_scan_close(&digest->scan);
    }
    if (digest->follow)
        trace_close(follow_close(digest->follow));
    order_free(digest->order);
    struct race_live *lives[] = {&digest->live, &digest->coming, &digest->next};
    for (unsigned i = 0; i < 3; i++) {
        free(lives[i]->segments);
        free(lives[i]->over);
    }
    cut_free(&digest->cut);
    free(digest->read);
    free(digest->path);
    free(digest);
}

static void look_for_traces(struct digests *digests)
{
    const struct digest_options *options = &digests->options;
    DIR *folder = opendir(options->folder);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!options->is_trace(options->data, entry->d_name))
            continue;
        char *path = memory_format("%s/%s", options->folder, entry->d_name);
        struct digest *digest = NULL;
        if (!digests_find(digests, path) && trace_bytes(path) >= options->from)
            digest = digest_open(path, options);
        if (digest) {
            MEMORY_GROW(digests->items, digests->count, digests->capacity);
            digests->items[digests->count++] = digest;
        }
        free(path);
    }
    if (folder)
        closedir(folder);
}

/* ---- the thread ---- */

/* False when it is time to end. */
static bool pause_until(struct digests *digests, uint64_t nanoseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    uint64_t sum = (uint64_t)until.tv_nsec + nanoseconds;
    until.tv_sec += (time_t)(sum / 1000000000u);
    until.tv_nsec = (long)(sum % 1000000000u);
    pthread_mutex_lock(&digests->lock);
    while (!digests->stop &&
           pthread_cond_timedwait(&digests->wake, &digests->lock, &until) != ETIMEDOUT)
        ;
    bool go_on = !digests->stop;
    pthread_mutex_unlock(&digests->lock);
    return go_on;
}

static void *follow_traces(void *data)
{
    struct digests *digests = data;
    uint64_t pause = TICK_NS;
    while (pause_until(digests, pause)) {
        uint64_t begun = now_ns();
        bool more = false; /* then the program may be waiting for us */
        look_for_traces(digests);
        for (uint32_t i = 0; i < digests->count; i++) {
            digest_round(digests->items[i]);
            more = more || digests->items[i]->more;
        }
        uint64_t took = now_ns() - begun;
        pause = took / TICK_SHARE > TICK_NS ? took / TICK_SHARE : TICK_NS;
        pause = more ? 0 : pause;
    }
    return NULL;
}

struct digests *digests_start(const struct digest_options *options)
{
    struct digests *digests = memory_get(1, sizeof(*digests));
    digests->options = *options;
    pthread_mutex_init(&digests->lock, NULL);
    pthread_cond_init(&digests->wake, NULL);
    sigset_t all, before; /* signals are the main thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    digests->running = !pthread_create(&digests->thread, NULL, follow_traces, digests);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return digests;
}

void digests_stop(struct digests *digests)
{
    if (!digests || !digests->running)
        return;
    pthread_mutex_lock(&digests->lock);
    digests->stop = true;
    pthread_cond_signal(&digests->wake);
    pthread_mutex_unlock(&digests->lock);
    pthread_join(digests->thread, NULL);
    digests->running = false;
}

struct digest *digests_find(struct digests *digests, const char *path)
{
    for (uint32_t i = 0; digests && i < digests->count; i++)
        if (!strcmp(digests->items[i]->path, path))
            return digests->items[i];
    return NULL;
}

void digests_free(struct digests *digests)
{
    if (!digests)
        return;
    for (uint32_t i = 0; i < digests->count; i++)
        digest_free(digests->items[i]);
    free(digests->items);
    pthread_mutex_destroy(&digests->lock);
    pthread_cond_destroy(&digests->wake);
    free(digests);
}

/* ---- the end ---- */

/* The detectors find what was kept of the synchronisation where its streams were. */
static void show_kept(struct digest *digest, struct trace *trace)
{
    struct trace_blob kept;
    for (uint32_t i = 0; i < trace->stream_count; i++)
        trace_unmap(&trace->sync[i]);
    if (!trace->stream_count)
        return;
    order_keep_stream(digest->order, &kept);
    void *memory = memory_pages(kept.size, 1);
    memcpy(memory, kept.bytes, kept.size);
    trace->sync[0] = (struct trace_blob){memory, kept.size};
}

struct trace *digest_finish(struct digest *digest)
{
    while (digest->more) /* in rounds, or all that is left would be in memory at once */
        digest_round(digest);
    follow_finish(digest->follow);
    struct trace *trace = digest->follow->trace;
    if (digest->begun) {
        read_on(digest);
        run_workers(digest, true);
    } else {
        order_read(digest->order, trace);
    }
    show_kept(digest, trace);
    follow_close(digest->follow);
    digest->follow = NULL;
    return trace;
}

struct order *digest_order(struct digest *digest)
{
    return digest->order;
}

void digest_report(struct digest *digest, struct analysis *analysis)
{
    if (digest->begun)
        race_conclude(analysis, &digest->scan, digest->workers);
}
