/*
 * The reader: what it gives back of a whole trace, and that no damage makes it crash, hang or fall
 * silent. Every truncation of every file and many random mutations of a small trace go through the
 * whole analysis; GOROCHECK_MUTATIONS sets how many (and every length, not each seventh).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/analysis.h"
#include "analyzer/order.h"
#include "analyzer/trace_make.h"

#define WRITE4    (2u << 4 | TRACE_KIND_WRITE)
#define MUTATIONS 2000u
#define TIME_LIMIT \
    20u /* seconds for one analysis of a trace of some kilobytes: SIGPROF ends the test */

static const char *const file_names[] = {"process", "tasks",  "objects",  "stacks",  "modules",
                                         "sync.0",  "sync.1", "access.0", "access.1"};
#define FILES (sizeof(file_names) / sizeof(*file_names))

/* A bit of everything the reader can meet. */
static struct trace_make *small_trace(void)
{
    struct trace_make *make = trace_make_new();
    uint64_t pcs[] = {0x401000, 0x401100, 0x401200};
    make->chunk_size = 4096;
    uint32_t worker = make_task(make, 1, "worker");
    uint32_t object = make_object(make, TRACE_OBJECT_TASK, 0x7000);
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
    uint32_t b = make_object(make, TRACE_OBJECT_MUTEX, 0x5040);
    make->tasks[worker].create_stack = make_stack(make, pcs, 3);
    make->modules[1] = (struct trace_module){.state = 1,
                                             .flags = TRACE_MODULE_MAIN | TRACE_MODULE_ABI,
                                             .low = 0x400000,
                                             .high = 0x500000,
                                             .path = "/nonexistent/app"};
    make_switch(make, 0, 1, 1);
    make_switch(make, 1, worker, 1);
    make_edge(make, 1, 1, 1, 1, object);
    struct trace_access context = {.type = TRACE_ACCESS_CONTEXT,
                                   .pushes = 2,
                                   .push = {0x401000, 0x401100},
                                   .held_changed = 1,
                                   .held_count = 1,
                                   .held = {{.object = a, .mode = TRACE_MODE_EXCLUSIVE}}};
    make_access(make, 0, &context);
    make_block(make, 0, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, 0x10000, 100, 2000);
    make_line(make, 0, WRITE4, 0x401010, 0x10000, 15);
    make_segment(make, 0, 2);
    make_time(make, 0, 2500);
    for (uint64_t i = 0; i < 12; i++) {
        make_line(make, 0, WRITE4, 0x401010 + i, 0x20000 + i * 64, 15);
        make_line(make, 1, WRITE4, 0x401110 + i % 3, 0x20000 + i * 64, 0xff);
    }
    struct trace_access range = {
        .type = TRACE_ACCESS_RANGE, .kind = 0xf5, .address = 0x20010, .size = 500, .pc = 0x401300};
    make_access(make, 1, &range);
    make_block(make, 0, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, 0x10000, 100, 3000);
    make->open[1][5] = (struct trace_open){.mask = 255,
                                           .line = 0x20040,
                                           .pc = 0x401400,
                                           .run_mask = 15,
                                           .run = 1,
                                           .stride = 1,
                                           .kind = 0x31};
    for (uint32_t i = 0; i < 3; i++)
        make->parked[1][i] = (struct trace_parked){
            .mask = 255, .line = 0x20040 + i * 64, .pc = 0x401500, .kind = 0x31};
    struct trace_sync order = {.type = TRACE_SYNC_ORDER,
                               .segment = 2,
                               .object = b,
                               .mode = TRACE_MODE_EXCLUSIVE,
                               .stack = 1,
                               .held_count = 1,
                               .held = {{.object = a, .mode = TRACE_MODE_EXCLUSIVE, .stack = 1}}};
    make_sync(make, 0, &order);
    order.object = a;
    order.held[0].object = b;
    make_sync(make, 1, &order);
    struct trace_sync misuse = {.type = TRACE_SYNC_MISUSE,
                                .segment = 2,
                                .detail = TRACE_MISUSE_DOUBLE_INIT,
                                .object = a,
                                .stack = 1};
    make_sync(make, 1, &misuse);
    make_edge(make, 0, 3, worker, 1, object);
    trace_make_write(make);
    return make;
}

struct seen {
    uint32_t syncs, accesses, races, deadlocks, problems;
    bool complete;
};

/* Of processor time: a machine that has no time for us is no reader that hangs. */
static void time_limit(long seconds)
{
    const struct itimerval limit = {.it_value.tv_sec = seconds};
    setitimer(ITIMER_PROF, &limit, NULL);
}

/* The whole analysis, as far as it does not depend on who prints it. False if it is no trace, with
 * a message. */
static bool read_all(const char *path, struct seen *seen)
{
    static const struct analysis_options options = {.jobs = 1, .memory_limit = 64 << 20};
    char *error = NULL;
    struct sync_cursor sync;
    struct trace_sync record;
    memset(seen, 0, sizeof(*seen));
    time_limit(TIME_LIMIT);
    struct analysis analysis = {.trace = trace_open(path, &error), .options = &options};
    if (!analysis.trace) {
        assert_non_null(error);
        assert_non_null(strstr(error, path));
        free(error);
        return false;
    }
    for (uint32_t i = 0; i < analysis.trace->stream_count; i++) {
        for (sync_open(&sync, analysis.trace, i); sync_next(&sync, &record);)
            seen->syncs++;
        struct access_cursor *cursor = calloc(1, sizeof(*cursor));
        struct trace_access *access = malloc(sizeof(*access));
        assert_true(cursor && access);
        for (access_open(cursor, analysis.trace, i); access_next(cursor, access);)
            seen->accesses++;
        free(cursor);
        free(access);
    }
    analysis.symbols = symbols_open(analysis.trace, NULL);
    analysis.order = order_build(analysis.trace);
    detect_race(&analysis);
    detect_lock_order(&analysis);
    for (uint32_t i = 0; i < analysis.findings.count; i++) {
        seen->races += analysis.findings.items[i]->kind == FINDING_RACE;
        seen->deadlocks += analysis.findings.items[i]->kind == FINDING_DEADLOCK;
    }
    for (uint32_t i = 0; i < analysis.trace->problem_count; i++) {
        assert_non_null(analysis.trace->problems[i].file);
        assert_non_null(analysis.trace->problems[i].text);
    }
    seen->problems = analysis.trace->problem_count;
    seen->complete = analysis.trace->complete;
    finding_list_free(&analysis.findings);
    order_free(analysis.order);
    symbols_close(analysis.symbols);
    trace_close(analysis.trace);
    time_limit(0);
    return true;
}

static void whole(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    struct seen seen;
    assert_true(read_all(make->path, &seen));
    assert_int_equal(seen.syncs, 7);
    assert_int_equal(seen.accesses, 2 + 1 + 1 + 4 + 24 + 1 + 2 + 3);
    assert_int_equal(seen.problems, 0);
    assert_true(seen.complete);
    assert_true(seen.races > 3);
    assert_int_equal(seen.deadlocks, 1);
    trace_make_free(make);
}

static void tables(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    char *error;
    uint32_t count;
    struct trace *trace = trace_open_tables(make->path, &error);
    assert_non_null(trace);
    assert_int_equal(trace->stream_count, 0);
    assert_int_equal(trace->task_count, 3); /* not the room made ready behind */
    assert_string_equal(trace_task(trace, 2)->name, "worker");
    assert_null(trace_task(trace, 0));
    assert_null(trace_task(trace, 3));
    assert_null(trace_object(trace, 99));
    const uint64_t *frames = trace_stack(trace, trace_task(trace, 2)->create_stack, &count);
    assert_int_equal(count, 3);
    assert_int_equal(frames[1], 0x401100);
    assert_null(trace_stack(trace, 3, &count));
    assert_null(trace_stack(trace, 1u << 30, &count));
    assert_non_null(trace_module_at(trace, 0x400000, 0));
    assert_null(trace_module_at(trace, 0x500000, 0));
    assert_int_equal(trace_ns(trace, 1500), 500);
    assert_false(trace->live);
    trace_close(trace);
    trace_make_free(make);
}

/* An object's slot that was another's three times: what records say of those is not said of it, what the tables say is. */
static void generations(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    char *error;
    uint32_t slot = make_object(make, TRACE_OBJECT_MUTEX, 0x7000);
    uint32_t name = slot | 3u << TRACE_OBJECT_SLOT_BITS;
    make->objects[slot].generation = 3;
    make->objects[1].mutex = slot;
    make->tasks[2].object = slot;
    make->tasks[2].held_count = 1;
    make->tasks[2].held[0].object = slot;
    trace_make_write(make);
    struct trace *trace = trace_open_tables(make->path, &error);
    assert_non_null(trace);
    assert_null(trace_object(trace, slot));
    assert_null(trace_object(trace, slot | 4u << TRACE_OBJECT_SLOT_BITS));
    assert_int_equal(trace_object(trace, name)->address, 0x7000);
    assert_int_equal(trace_task(trace, 2)->object, name);
    assert_int_equal(trace_task(trace, 2)->held[0].object, name);
    assert_int_equal(trace_object(trace, 1)->mutex, name);
    trace_close(trace);
    trace_make_free(make);
}

static void no_trace(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    char path[600], link[600];
    struct seen seen;
    assert_false(read_all("/nonexistent/trace", &seen));
    snprintf(link, sizeof(link), "%s.link", make->path);
    assert_int_equal(symlink(make->path, link), 0);
    assert_false(read_all(link, &seen)); /* links are not followed */
    assert_int_equal(unlink(link), 0);
    /* ... nor are they within the directory */
    snprintf(path, sizeof(path), "%s/tasks", make->path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("objects", path), 0);
    assert_true(read_all(make->path, &seen));
    assert_true(seen.problems > 0);
    snprintf(path, sizeof(path), "%s/process", make->path);
    assert_int_equal(unlink(path), 0);
    assert_false(read_all(make->path, &seen));
    trace_make_free(make);
}

/* SIGKILL: no end in the process file, streams with room behind the last record. All that was
 * written counts. */
static void killed(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    struct seen whole_trace, seen;
    assert_true(read_all(make->path, &whole_trace));
    make->process.end = TRACE_END_NONE;
    make->process.end_ns = make->process.end_tsc = make->process.tsc_hz = 0;
    trace_make_write(make);
    assert_true(read_all(make->path, &seen));
    assert_false(seen.complete);
    assert_int_equal(seen.problems, 0);
    assert_int_equal(seen.accesses, whole_trace.accesses);
    assert_int_equal(seen.races, whole_trace.races);
    trace_make_free(make);
}

/* A process that still runs (this one): what it writes after the trace was opened does not count, nor
 * what lies open in its streams' headers. */
static void live(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    char *error;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    make->process.end = TRACE_END_NONE;
    make->process.pid = (uint32_t)getpid();
    make->process.start_ns = (uint64_t)now.tv_sec * 1000000000u;
    make->process.start_tsc = __builtin_ia32_rdtsc();
    make->process.tsc_hz = 0; /* it is measured at the end */
    trace_make_write(make);
    struct trace *trace = trace_open(make->path, &error);
    assert_non_null(trace);
    assert_true(trace->live);
    assert_true(trace->process.tsc_hz > 0); /* the trace itself tells */
    for (uint64_t i = 0; i < 500; i++)
        make_line(make, 1, WRITE4, 0x401110, 0x30000 + i * 640, 0xff);
    trace_make_write(make);
    struct access_cursor *cursor = calloc(1, sizeof(*cursor));
    struct trace_access *access = malloc(sizeof(*access));
    assert_true(cursor && access);
    uint32_t count = 0;
    for (access_open(cursor, trace, 1); access_next(cursor, access);)
        count++;
    assert_null(cursor->error);
    assert_int_equal(count, 1 + 12 + 1);
    free(cursor);
    free(access);
    trace_close(trace);
    trace_make_free(make);
}

/* ---- damage ---- */

static uint32_t count_accesses(const struct trace_make *make, uint32_t stream, const char **wrong)
{
    char *error;
    struct trace *trace = trace_open(make->path, &error);
    struct access_cursor *cursor = calloc(1, sizeof(*cursor));
    struct trace_access *access = malloc(sizeof(*access));
    assert_true(trace && cursor && access);
    uint32_t count = 0;
    for (access_open(cursor, trace, stream); access_next(cursor, access);)
        count++;
    *wrong = cursor->error;
    free(cursor);
    free(access);
    trace_close(trace);
    return count;
}

/* Several chunks: the last in the window, however far the copy of it had come when the program was killed; and what is
 * said when the window or a chunk before it is gone. */
static void chunks(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    const char *wrong;
    for (uint64_t i = 0; i < 4000; i++)
        make_line(make, 0, WRITE4, 0x401110 + i % 7, 0x30000 + i * 640, i | 1);
    trace_make_write(make);
    uint32_t whole_count = count_accesses(make, 0, &wrong);
    assert_null(wrong);
    assert_true(make->access[0].chunk > 4096);
    const uint8_t *last = make->access[0].bytes + make->access[0].chunk;
    char path[600];
    snprintf(path, sizeof(path), "%s/access.0", make->path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    off_t behind = (off_t)(TRACE_ACCESS_OFFSET + make->access[0].chunk);
    static const size_t copied[] = {1, 15, 16, 17, 100, 4095, 4096};
    for (size_t i = 0; i < sizeof(copied) / sizeof(*copied); i++) {
        assert_int_equal(pwrite(fd, last, copied[i], behind), (ssize_t)copied[i]);
        assert_int_equal(count_accesses(make, 0, &wrong), whole_count);
        assert_null(wrong);
    }
    static const uint8_t zeros[16];
    assert_int_equal(pwrite(fd, zeros, 16, TRACE_ACCESS_WINDOW), 16);
    assert_int_equal(count_accesses(make, 0, &wrong), whole_count); /* by the finished copy */
    assert_string_equal(wrong, "a chunk is missing");
    assert_int_equal(pwrite(fd, "????", 4, TRACE_ACCESS_WINDOW), 4);
    count_accesses(make, 0, &wrong);
    assert_string_equal(wrong, "no chunk where one must be");
    assert_int_equal(pwrite(fd, last, 16, TRACE_ACCESS_WINDOW), 16);
    assert_int_equal(ftruncate(fd, TRACE_ACCESS_OFFSET), 0);
    assert_int_equal(count_accesses(make, 0, &wrong), 0);
    assert_string_equal(wrong, "a chunk is missing");
    close(fd);
    trace_make_free(make);
}

struct file {
    char path[600];
    uint8_t *bytes;
    size_t size;
};

static void load(const struct trace_make *make, const char *name, struct file *file)
{
    struct stat status;
    snprintf(file->path, sizeof(file->path), "%s/%s", make->path, name);
    int fd = open(file->path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    file->size = (size_t)status.st_size;
    file->bytes = malloc(file->size);
    assert_non_null(file->bytes);
    assert_int_equal(read(fd, file->bytes, file->size), (ssize_t)file->size);
    close(fd);
}

static void store(const struct file *file)
{
    int fd = open(file->path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file->bytes, file->size), (ssize_t)file->size);
    close(fd);
}

/* Killed when a stream's file had been reserved, but its header not been written. In a trace that came to its end such a
 * file is damage. */
static void killed_before_header(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    struct file file;
    struct seen seen;
    for (int ended = 0; ended < 2; ended++) {
        make->process.end = ended ? TRACE_END_EXIT : TRACE_END_NONE;
        trace_make_write(make);
        load(make, "access.0", &file);
        memset(file.bytes, 0, file.size);
        store(&file);
        free(file.bytes);
        assert_true(read_all(make->path, &seen));
        assert_int_equal(seen.problems, ended);
    }
    trace_make_free(make);
}

static bool thorough(void)
{
    return getenv("GOROCHECK_MUTATIONS") != NULL;
}

/* The room of a window or table that nothing is in: what ends there is the same at most places. */
static bool is_empty(const struct file *file, size_t at)
{
    size_t from = at > 64 ? at - 64 : 0, to = at + 64 < file->size ? at + 64 : file->size;
    for (size_t i = from; i < to; i++)
        if (file->bytes[i])
            return false;
    return true;
}

static void truncations(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    struct seen whole_trace, seen;
    uint64_t read = 0;
    assert_true(read_all(make->path, &whole_trace));
    for (size_t f = 0; f < FILES; f++) {
        struct file file;
        load(make, file_names[f], &file);
        for (size_t length = file.size; length-- > 0;) {
            size_t step = (thorough() ? 1u : 7u) * (is_empty(&file, length) ? 37u : 1u);
            if (length % step && file.size - length > 16)
                continue;
            assert_int_equal(truncate(file.path, (off_t)length), 0);
            bool good = read_all(make->path, &seen);
            read += good;
            assert_true(good || f == 0);
            assert_true(!good || seen.accesses <= whole_trace.accesses);
        }
        store(&file);
        free(file.bytes);
    }
    assert_true(read > 1000);
    assert_true(read_all(make->path, &seen));
    assert_int_equal(seen.accesses, whole_trace.accesses);
    trace_make_free(make);
}

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Where bytes mean something: the header, the open table, the data; not the empty room. */
static size_t random_place(const struct file *file, uint64_t *seed)
{
    for (unsigned tries = 0; tries < 64; tries++) {
        size_t at = random_next(seed) % file->size;
        size_t low = at > 8 ? at - 8 : 0;
        for (size_t i = low; i <= at; i++)
            if (file->bytes[i])
                return at;
    }
    return random_next(seed) % file->size;
}

/* The problems of a trace with this record more. */
static uint32_t problems_with(const struct trace_access *record)
{
    struct trace_make *make = small_trace();
    struct seen seen;
    make_access(make, 1, record);
    trace_make_write(make);
    assert_true(read_all(make->path, &seen));
    trace_make_free(make);
    return seen.problems;
}

/* A row or range that no recorder writes is damage: it must not cost hours. */
static void too_long(void **state)
{
    (void)state;
    struct trace_access range = {.type = TRACE_ACCESS_RANGE,
                                 .kind = 0xf5,
                                 .address = 0x20010,
                                 .size = TRACE_RANGE_MAX,
                                 .pc = 0x401300};
    assert_int_equal(problems_with(&range), 0);
    range.size++;
    assert_int_equal(problems_with(&range), 1);
    struct trace_access run = {.type = TRACE_ACCESS_LINE,
                               .kind = WRITE4,
                               .address = 0x100000,
                               .mask = 15,
                               .run = TRACE_RUN_MAX,
                               .stride = 1,
                               .pc = 0x401300};
    assert_int_equal(problems_with(&run), 0);
    run.run++;
    assert_int_equal(problems_with(&run), 1);
}

static void mutations(void **state)
{
    (void)state;
    struct trace_make *make = small_trace();
    struct file *files = calloc(FILES, sizeof(*files));
    struct seen seen;
    uint64_t seed = 88172645463325252u;
    unsigned long count = thorough() ? strtoul(getenv("GOROCHECK_MUTATIONS"), NULL, 10) : MUTATIONS;
    unsigned long problems = 0;
    assert_non_null(files);
    for (size_t f = 0; f < FILES; f++)
        load(make, file_names[f], &files[f]);
    for (unsigned long i = 0; i < count; i++) {
        struct file *file = &files[random_next(&seed) % FILES];
        unsigned places = 1 + (unsigned)(random_next(&seed) % 4);
        int fd = open(file->path, O_WRONLY);
        size_t at[4];
        assert_true(fd >= 0);
        for (unsigned p = 0; p < places; p++) {
            uint64_t how = random_next(&seed);
            at[p] = p && how & 1 ? (at[p - 1] + 1) % file->size : random_place(file, &seed);
            uint64_t bytes = how & 2   ? how >> 8
                             : how & 4 ? file->bytes[at[p]] ^ 1u << (how >> 8) % 8
                                       : 0 - (how >> 3 & 1);
            uint8_t byte = (uint8_t)(bytes & 0xff);
            assert_int_equal(pwrite(fd, &byte, 1, (off_t)at[p]), 1);
        }
        if (!read_all(make->path, &seen) || seen.problems)
            problems++;
        for (unsigned p = 0; p < places; p++)
            assert_int_equal(pwrite(fd, &file->bytes[at[p]], 1, (off_t)at[p]), 1);
        close(fd);
    }
    assert_true(problems > count / 20); /* else the mutations do not hit anything */
    for (size_t f = 0; f < FILES; f++)
        free(files[f].bytes);
    free(files);
    assert_true(read_all(make->path, &seen));
    assert_int_equal(seen.problems, 0);
    trace_make_free(make);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(tables),
        cmocka_unit_test(no_trace),
        cmocka_unit_test(killed),
        cmocka_unit_test(killed_before_header),
        cmocka_unit_test(live),
        cmocka_unit_test(chunks),
        cmocka_unit_test(truncations),
        cmocka_unit_test(mutations),
        cmocka_unit_test(generations),
        cmocka_unit_test(too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
