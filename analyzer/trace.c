/*
 * Opening a trace: its directory, its process file and its tables, checked and copied; the streams
 * only mapped (cursor.c reads them). Invariant: after trace_open every count and index that a
 * reader may use without looking (states, kinds, primitives, held_count, terminated strings) is in
 * range, whatever the files hold.
 */
#include "analyzer/trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/memory.h"
#include "analyzer/trace_file.h"

#define SLOTS_MAX    (1u << 24) /* of one table: 8 GB of tasks; more is damage */
#define PROBLEMS_MAX 1000u      /* a damaged trace must not fill the memory with complaints */

void trace_problem(struct trace *trace, const char *file, uint64_t offset, const char *format, ...)
{
    trace->complete = false;
    if (trace->problem_count >= PROBLEMS_MAX)
        return;
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    trace->problems =
        memory_resize(trace->problems, trace->problem_count + 1, sizeof(*trace->problems));
    trace->problems[trace->problem_count++] = (struct problem){
        .file = memory_text(file), .offset = offset, .text = text ? text : memory_text("damaged")};
}

/* ---- tables ---- */

static bool all_zero(const uint8_t *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/*
 * Copies the slots of a table up to the last one that was ever written. A live table is longer than
 * what is written and mostly a hole: zero pages are looked at (4 KB each) but not copied.
 */
static void *copy_slots(struct trace *trace, const char *name, const struct trace_blob *blob,
                        size_t slot_size, uint32_t *count)
{
    *count = 0;
    if (blob->size <= TRACE_TABLE_OFFSET)
        return memory_get(1, slot_size);
    const uint8_t *slots = blob->bytes + TRACE_TABLE_OFFSET;
    uint64_t size = blob->size - TRACE_TABLE_OFFSET;
    uint64_t end = size;
    while (end > 0) {
        uint64_t step = end % 4096 ? end % 4096 : 4096;
        if (!all_zero(slots + end - step, step))
            break;
        end -= step;
    }
    while (end > 0 && slots[end - 1] == 0)
        end--;
    uint64_t used = (end + slot_size - 1) / slot_size;
    if (used * slot_size > size) {
        used = size / slot_size;
        trace_problem(trace, name, TRACE_TABLE_OFFSET + used * slot_size,
                      "the last slot is cut short");
    }
    if (used > SLOTS_MAX) {
        trace_problem(trace, name, TRACE_TABLE_OFFSET, "%llu slots cannot be",
                      (unsigned long long)used);
        used = SLOTS_MAX;
    }
    uint8_t *copy = memory_get(used ? used : 1, slot_size);
    for (uint64_t at = 0; at < used * slot_size; at += 4096) {
        uint64_t step = used * slot_size - at < 4096 ? used * slot_size - at : 4096;
        if (!all_zero(slots + at, step))
            memcpy(copy + at, slots + at, step);
    }
    *count = (uint32_t)used;
    return copy;
}

static void *read_table(struct trace *trace, int directory, const char *name,
                        enum trace_file_kind kind, size_t slot_size, uint32_t *count)
{
    struct trace_blob blob;
    void *slots = NULL;
    *count = 0;
    if (trace_map_file(trace, directory, name, &blob) &&
        trace_check_header(trace, name, &blob, kind, (uint32_t)slot_size, TRACE_TABLE_OFFSET))
        slots = copy_slots(trace, name, &blob, slot_size, count);
    trace_unmap(&blob);
    return slots ? slots : memory_get(1, slot_size);
}

/* A value that indexes something: out of range it is a problem and becomes 0. */
static void check_range(struct trace *trace, const char *name, uint64_t offset, const char *what,
                        uint32_t *value, uint32_t limit)
{
    if (*value < limit)
        return;
    trace_problem(trace, name, offset, "%s %u cannot be", what, *value);
    *value = 0;
}

static void check_tasks(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->task_count; i++) {
        struct trace_task *task = &trace->tasks[i];
        uint64_t at = TRACE_TABLE_OFFSET + (uint64_t)i * sizeof(*task);
        check_range(trace, "tasks", at, "state", &task->state, TRACE_TASK_ENDED + 1);
        if (task->state == TRACE_TASK_UNUSED)
            continue;
        check_range(trace, "tasks", at, "kind", &task->kind, TRACE_TASK_CLOCK + 1);
        check_range(trace, "tasks", at, "exit", &task->exit, TRACE_EXIT_CANCELED + 1);
        check_range(trace, "tasks", at, "primitive", &task->primitive, PRIMITIVE_COUNT);
        if (task->held_count > TRACE_HELD_MAX)
            task->held_count = TRACE_HELD_MAX;
        task->name[sizeof(task->name) - 1] = 0;
    }
}

static void check_objects(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->object_count; i++) {
        struct trace_object *object = &trace->objects[i];
        uint64_t at = TRACE_TABLE_OFFSET + (uint64_t)i * sizeof(*object);
        check_range(trace, "objects", at, "state", &object->state, TRACE_OBJECT_FREED + 1);
        uint32_t kind = object->kind;
        check_range(trace, "objects", at, "kind", &kind, TRACE_OBJECT_KIND_COUNT);
        object->kind = (uint16_t)kind;
        object->generation %= TRACE_OBJECT_GENERATIONS;
    }
}

static uint32_t name_of(const struct trace *trace, uint32_t slot)
{
    return slot < trace->object_count
               ? slot | (uint32_t)trace->objects[slot].generation << TRACE_OBJECT_SLOT_BITS
               : slot;
}

/* Tables speak of slots, records of objects: from here on everybody does. */
static void name_objects(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->object_count; i++)
        trace->objects[i].mutex = name_of(trace, trace->objects[i].mutex);
    for (uint32_t i = 0; i < trace->task_count; i++) {
        struct trace_task *task = &trace->tasks[i];
        task->object = name_of(trace, task->object);
        task->object2 = name_of(trace, task->object2);
        for (uint32_t h = 0; h < TRACE_HELD_MAX; h++)
            task->held[h].object = name_of(trace, task->held[h].object);
    }
}

static void check_modules(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->module_count; i++) {
        struct trace_module *module = &trace->modules[i];
        uint64_t at = TRACE_TABLE_OFFSET + (uint64_t)i * sizeof(*module);
        module->path[sizeof(module->path) - 1] = 0;
        if (module->state != 0 && module->low >= module->high) {
            trace_problem(trace, "modules", at, "module without addresses");
            module->state = 0;
        }
        if (module->build_id_size > sizeof(module->build_id)) {
            trace_problem(trace, "modules", at, "build-id of %u bytes cannot be",
                          module->build_id_size);
            module->build_id_size = 0;
        }
    }
}

/* ---- the process ---- */

/* Whether the recorded process is the one that has this pid now: the pid may have been used again,
 * so it counts only if it began no later than its trace (two seconds for the clocks'
 * granularity). */
static bool process_lives(const struct trace_process *process)
{
    char path[64], text[1024], line[256];
    snprintf(path, sizeof(path), "/proc/%u/stat", process->pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = 0;
    const char *p = strrchr(text, ')');
    char state = 0;
    unsigned long long ticks = 0, boot = 0;
    if (!p ||
        sscanf(p + 1,
               " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &state, &ticks) != 2)
        return false;
    if (state == 'Z' || state == 'X')
        return false;
    file = fopen("/proc/stat", "re");
    if (!file)
        return true;
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "btime %llu", &boot) == 1)
            break;
    fclose(file);
    long hz = sysconf(_SC_CLK_TCK);
    uint64_t began = boot + ticks / (unsigned long long)(hz > 0 ? hz : 100);
    return began <= process->start_ns / 1000000000u + 2;
}

/* How fast time stamps go is measured when a process ends; of one that runs, by what has passed since it began. */
static uint64_t ticks_per_second(const struct trace_process *process)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t tsc = __builtin_ia32_rdtsc();
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (tsc <= process->start_tsc || ns <= process->start_ns)
        return 0; /* another machine's, or the clock was set */
    return (uint64_t)((double)(tsc - process->start_tsc) * 1e9 / (double)(ns - process->start_ns));
}

bool trace_read_process(struct trace *trace, int directory, char **error)
{
    struct trace_blob blob;
    const char *wrong = NULL;
    if (!trace_map_file(trace, directory, "process", &blob)) {
        wrong = trace->problem_count ? trace->problems[0].text : "is missing or empty";
    } else if (!trace_check_header(trace, "process", &blob, TRACE_FILE_PROCESS,
                                   sizeof(struct trace_process), TRACE_TABLE_OFFSET)) {
        wrong = trace->problems[0].text;
    } else if (blob.size < TRACE_TABLE_OFFSET + sizeof(struct trace_process)) {
        wrong = "is cut short";
    } else {
        memcpy(&trace->process, blob.bytes + TRACE_TABLE_OFFSET, sizeof(trace->process));
        if (trace->process.state != 1)
            wrong = "was never filled in";
    }
    trace_unmap(&blob);
    if (wrong) {
        *error = memory_format("%s: no trace: file 'process': %s", trace->path, wrong);
        return false;
    }
    struct trace_process *process = &trace->process;
    check_range(trace, "process", TRACE_TABLE_OFFSET, "end", &process->end, TRACE_END_OFF + 1);
    check_range(trace, "process", TRACE_TABLE_OFFSET, "number of streams", &process->streams,
                STREAMS_MAX + 1);
    process->off_reason[sizeof(process->off_reason) - 1] = 0;
    process->executable[sizeof(process->executable) - 1] = 0;
    process->command[sizeof(process->command) - 1] = 0;
    process->options[sizeof(process->options) - 1] = 0;
    process->directory[sizeof(process->directory) - 1] = 0;
    trace->live = process->end == TRACE_END_NONE && process_lives(process);
    if (trace->live && !process->tsc_hz)
        process->tsc_hz = ticks_per_second(process);
    return true;
}

/* ---- open and close ---- */

void trace_read_tables(struct trace *trace, int directory)
{
    free(trace->tasks);
    free(trace->objects);
    free(trace->modules);
    trace_unmap(&trace->stacks);
    trace->tasks = read_table(trace, directory, "tasks", TRACE_FILE_TASKS,
                              sizeof(struct trace_task), &trace->task_count);
    trace->objects = read_table(trace, directory, "objects", TRACE_FILE_OBJECTS,
                                sizeof(struct trace_object), &trace->object_count);
    trace->modules = read_table(trace, directory, "modules", TRACE_FILE_MODULES,
                                sizeof(struct trace_module), &trace->module_count);
    check_tasks(trace);
    check_objects(trace);
    name_objects(trace);
    check_modules(trace);
    if (!trace_map_file(trace, directory, "stacks", &trace->stacks))
        return;
    uint32_t slot_size =
        0; /* the one table whose slots vary in size: words or none, as the recorder says */
    if (trace->stacks.size >= sizeof(struct trace_file_header))
        memcpy(&slot_size, trace->stacks.bytes + offsetof(struct trace_file_header, slot_size), 4);
    trace_check_header(trace, "stacks", &trace->stacks, TRACE_FILE_STACKS, slot_size ? 8 : 0,
                       TRACE_TABLE_OFFSET);
}

/* Accesses first: while the program runs, the synchronisation read after them holds at least what orders them. */
static void read_streams(struct trace *trace, int directory)
{
    trace->stream_count = trace_count_streams(trace, directory);
    trace->sync = memory_get(trace->stream_count, sizeof(*trace->sync));
    trace->access = memory_get(trace->stream_count, sizeof(*trace->access));
    for (uint32_t i = 0; i < trace->stream_count; i++)
        trace_read_stream(trace, directory, TRACE_FILE_ACCESS, i);
    for (uint32_t i = 0; i < trace->stream_count; i++)
        trace_read_stream(trace, directory, TRACE_FILE_SYNC, i);
}

void trace_judge(struct trace *trace)
{
    const struct trace_process *process = &trace->process;
    if (process->end == TRACE_END_NONE || process->end == TRACE_END_OFF ||
        process->full & (TRACE_FULL_SAMPLED | TRACE_FULL_DROPPED) ||
        process->lost_sync + process->lost_access + process->lost_tasks + process->lost_objects +
                process->lost_stacks >
            0)
        trace->complete = false;
}

static struct trace *open_trace(const char *path, bool streams, char **error)
{
    *error = NULL;
    struct trace *trace = memory_get(1, sizeof(*trace));
    trace->path = memory_text(path);
    for (size_t n = strlen(trace->path); n > 1 && trace->path[n - 1] == '/'; n--)
        trace->path[n - 1] = 0; /* "link/" would be followed */
    trace->complete = true;
    int directory = open(trace->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) {
        *error = memory_format("%s: %s", path, strerror(errno));
        trace_close(trace);
        return NULL;
    }
    if (!trace_read_process(trace, directory, error)) {
        close(directory);
        trace_close(trace);
        return NULL;
    }
    trace_read_tables(trace, directory);
    if (streams)
        read_streams(trace, directory);
    close(directory);
    trace_judge(trace);
    return trace;
}

struct trace *trace_open(const char *path, char **error)
{
    return open_trace(path, true, error);
}

struct trace *trace_open_tables(const char *path, char **error)
{
    return open_trace(path, false, error);
}

void trace_close(struct trace *trace)
{
    if (!trace)
        return;
    for (uint32_t i = 0; i < trace->stream_count; i++) {
        trace_unmap(&trace->sync[i]);
        trace_unmap(&trace->access[i]);
    }
    trace_unmap(&trace->stacks);
    for (uint32_t i = 0; i < trace->problem_count; i++) {
        free(trace->problems[i].file);
        free(trace->problems[i].text);
    }
    free(trace->problems);
    free(trace->sync);
    free(trace->access);
    free(trace->tasks);
    free(trace->objects);
    free(trace->modules);
    free(trace->path);
    free(trace);
}

/* ---- looking things up ---- */

const struct trace_task *trace_task(const struct trace *trace, uint32_t id)
{
    if (id == 0 || id >= trace->task_count || trace->tasks[id].state == TRACE_TASK_UNUSED)
        return NULL;
    return &trace->tasks[id];
}

const struct trace_object *trace_object(const struct trace *trace, uint32_t id)
{
    uint32_t slot = id & ((1u << TRACE_OBJECT_SLOT_BITS) - 1);
    if (slot == 0 || slot >= trace->object_count ||
        trace->objects[slot].state == TRACE_OBJECT_UNUSED || name_of(trace, slot) != id)
        return NULL;
    return &trace->objects[slot];
}

const uint64_t *trace_stack(const struct trace *trace, uint32_t id, uint32_t *count)
{
    *count = 0;
    if (id == 0 || trace->stacks.size < TRACE_TABLE_OFFSET)
        return NULL;
    uint64_t words = (trace->stacks.size - TRACE_TABLE_OFFSET) / 8;
    if (id >= words)
        return NULL;
    const void *start = trace->stacks.bytes + TRACE_TABLE_OFFSET;
    const uint64_t *word = start; /* mapped at a page, data at a page: aligned */
    uint64_t frames = word[id];
    if (frames == 0 || frames > TRACE_STACK_DEPTH || frames > words - id - 1)
        return NULL;
    *count = (uint32_t)frames;
    return word + id + 1;
}

const struct trace_module *trace_module_at(const struct trace *trace, uint64_t pc, uint64_t tsc)
{
    const struct trace_module *found = NULL;
    for (uint32_t i = 0; i < trace->module_count; i++) {
        const struct trace_module *module = &trace->modules[i];
        if (module->state == 0 || pc < module->low || pc >= module->high)
            continue;
        if (tsc && (tsc < module->load_tsc || (module->unload_tsc && tsc > module->unload_tsc)))
            continue;
        if (!found || module->load_tsc >= found->load_tsc)
            found = module; /* without a time, what was there last */
    }
    return found;
}

uint64_t trace_ns(const struct trace *trace, uint64_t tsc)
{
    const struct trace_process *process = &trace->process;
    if (tsc <= process->start_tsc)
        return 0;
    double ticks = (double)(tsc - process->start_tsc);
    if (process->tsc_hz)
        return (uint64_t)(ticks * 1e9 / (double)process->tsc_hz);
    if (process->end_tsc > process->start_tsc && process->end_ns > process->start_ns)
        return (uint64_t)(ticks * (double)(process->end_ns - process->start_ns) /
                          (double)(process->end_tsc - process->start_tsc));
    return (uint64_t)ticks; /* nothing was measured: a tick is near enough to a nanosecond */
}
