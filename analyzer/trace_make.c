/*
 * Traces for tests: see trace_make.h. Invariant: what is written here is what the recorder writes,
 * byte for byte of the same layout; tests that want damage do it to the files.
 */
#include "analyzer/trace_make.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/memory.h"

struct trace_make *trace_make_new(void)
{
    struct trace_make *make = memory_get(1, sizeof(*make));
    const char *temporary = getenv("TMPDIR");
    snprintf(make->path, sizeof(make->path), "%s/gorocheck-test.XXXXXX",
             temporary ? temporary : "/tmp");
    if (!mkdtemp(make->path)) {
        perror(make->path);
        exit(3);
    }
    make->process = (struct trace_process){.state = 1,
                                           .flags = TRACE_PROCESS_ACCESSES,
                                           .pid = 4000000000u, /* of no process */
                                           .start_ns = 1000000000,
                                           .start_tsc = 1000,
                                           .end_ns = 2000000000,
                                           .end_tsc = 1000001000,
                                           .tsc_hz = 1000000000,
                                           .end = TRACE_END_EXIT,
                                           .executable = "/bin/app"};
    make->stack_words = 1;
    make->chunk_size = 65536;
    make_task(make, 0, "app");
    make->tasks[1].flags = TRACE_TASK_MAIN;
    return make;
}

static void path_of(const struct trace_make *make, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", make->path, name);
}

void trace_make_free(struct trace_make *make)
{
    static const char *const names[] = {"process", "tasks", "objects", "stacks", "modules"};
    char path[512], name[32];
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        path_of(make, names[i], path);
        unlink(path);
    }
    for (uint32_t i = 0; i < 64; i++) {
        snprintf(name, sizeof(name), "sync.%u", i);
        path_of(make, name, path);
        unlink(path);
        snprintf(name, sizeof(name), "access.%u", i);
        path_of(make, name, path);
        unlink(path);
        free(make->sync[i].bytes);
        free(make->access[i].bytes);
    }
    rmdir(make->path);
    free(make);
}

/* ---- files ---- */

struct content {
    uint32_t kind, slot_size, data_offset, stream;
    const void *header; /* behind the file header, `header_size` bytes, may be NULL */
    size_t header_size;
    const struct trace_parked *parked; /* 8 of them, may be NULL */
    const void *data;
    size_t size, hole; /* bytes of zeros behind the data */
    size_t last;       /* of a stream: where its last chunk begins, which goes into the window */
    uint32_t window;   /* and where that is; 0: no stream */
};

static void write_file(const struct trace_make *make, const char *name,
                       const struct content *content)
{
    char path[512];
    path_of(make, name, path);
    /* Like a recorder, never shorter in between: who reads it while it is written may have it mapped. */
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    struct trace_file_header header = {.magic = TRACE_MAGIC,
                                       .version = TRACE_VERSION,
                                       .kind = (uint16_t)content->kind,
                                       .slot_size = content->slot_size,
                                       .data_offset = content->data_offset,
                                       .pid = make->process.pid,
                                       .stream = content->stream,
                                       .start_ns = make->process.start_ns};
    bool good = file && fwrite(&header, sizeof(header), 1, file) == 1;
    if (good && content->header)
        good = fseek(file, TRACE_OPEN_OFFSET, SEEK_SET) == 0 &&
               fwrite(content->header, content->header_size, 1, file) == 1;
    bool parked = content->parked && content->parked[0].mask;
    if (good && parked)
        good = fseek(file, TRACE_PARK_OFFSET, SEEK_SET) == 0 &&
               fwrite(content->parked, 8 * sizeof(*content->parked), 1, file) == 1;
    const uint8_t *data = content->data;
    size_t size = content->window ? content->last : content->size;
    uint64_t end = content->data_offset + size;
    if (good && content->window) {
        good = fseek(file, content->window, SEEK_SET) == 0 &&
               fwrite(data + size, content->size - size, 1, file) == 1;
        end = size || parked ? end : content->window + content->size;
    }
    if (good && size)
        good = fseek(file, content->data_offset, SEEK_SET) == 0 && fwrite(data, size, 1, file) == 1;
    if (file && fclose(file) != 0)
        good = false;
    if (!good || truncate(path, (off_t)(end + content->hole)) != 0) {
        perror(path);
        exit(3);
    }
}

static void write_table(const struct trace_make *make, const char *name, enum trace_file_kind kind,
                        size_t slot_size, const void *data, size_t size, size_t hole)
{
    struct content content = {.kind = kind,
                              .slot_size = (uint32_t)slot_size,
                              .data_offset = TRACE_TABLE_OFFSET,
                              .data = data,
                              .size = size,
                              .hole = hole};
    write_file(make, name, &content);
}

static void write_tasks(const struct trace_make *make)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < 64; i++)
        if (make->tasks[i].state)
            count = i + 1;
    if (make->more_tasks)
        count = 64 + make->more_tasks;
    struct trace_task *tasks = memory_get(count, sizeof(*tasks));
    memcpy(tasks, make->tasks, (count < 64 ? count : 64) * sizeof(*tasks));
    for (uint32_t i = 64; i < count; i++)
        tasks[i] = (struct trace_task){.state = TRACE_TASK_ENDED, .kind = TRACE_TASK_THREAD};
    write_table(make, "tasks", TRACE_FILE_TASKS, sizeof(*tasks), tasks, count * sizeof(*tasks),
                1024);
    free(tasks);
}

void trace_make_write(struct trace_make *make)
{
    make->process.streams = 0;
    for (uint32_t i = 0; i < 64; i++)
        if (make->sync[i].size || make->access[i].size)
            make->process.streams = i + 1;
    write_table(make, "process", TRACE_FILE_PROCESS, sizeof(make->process), &make->process,
                sizeof(make->process), 0);
    write_tasks(make);
    size_t objects = 1, modules = 1;
    while (objects < 64 && make->objects[objects].state)
        objects++;
    while (modules < 8 && make->modules[modules].state)
        modules++;
    write_table(make, "objects", TRACE_FILE_OBJECTS, sizeof(make->objects[0]), make->objects,
                objects * sizeof(make->objects[0]), 1024);
    write_table(make, "modules", TRACE_FILE_MODULES, sizeof(make->modules[0]), make->modules,
                modules * sizeof(make->modules[0]), 0);
    write_table(make, "stacks", TRACE_FILE_STACKS, 8, make->stacks,
                make->stack_words * sizeof(uint64_t), 512);
    for (uint32_t i = 0; i < make->process.streams; i++) {
        char name[32];
        struct content content = {.kind = TRACE_FILE_SYNC,
                                  .data_offset = TRACE_SYNC_OFFSET,
                                  .window = TRACE_SYNC_WINDOW,
                                  .stream = i,
                                  .data = make->sync[i].bytes,
                                  .size = make->sync[i].size,
                                  .last = make->sync[i].chunk,
                                  .hole = 256};
        snprintf(name, sizeof(name), "sync.%u", i);
        if (make->sync[i].size)
            write_file(make, name, &content);
        content.kind = TRACE_FILE_ACCESS;
        content.data_offset = TRACE_ACCESS_OFFSET;
        content.window = TRACE_ACCESS_WINDOW;
        content.data = make->access[i].bytes;
        content.size = make->access[i].size;
        content.last = make->access[i].chunk;
        content.header = make->open[i];
        content.header_size = sizeof(make->open[i]);
        content.parked = make->parked[i];
        snprintf(name, sizeof(name), "access.%u", i);
        if (make->access[i].size)
            write_file(make, name, &content);
    }
}

/* ---- tables ---- */

uint32_t make_task(struct trace_make *make, uint32_t parent, const char *name)
{
    uint32_t id = 1;
    while (id < 63 && make->tasks[id].state)
        id++;
    make->tasks[id] =
        (struct trace_task){.state = TRACE_TASK_ENDED, .kind = TRACE_TASK_THREAD, .parent = parent};
    snprintf(make->tasks[id].name, sizeof(make->tasks[id].name), "%s", name);
    return id;
}

uint32_t make_object(struct trace_make *make, enum trace_object_kind kind, uint64_t address)
{
    uint32_t id = 1;
    while (id < 63 && make->objects[id].state)
        id++;
    make->objects[id] = (struct trace_object){
        .state = TRACE_OBJECT_LIVE, .kind = (uint16_t)kind, .address = address};
    return id;
}

uint32_t make_stack(struct trace_make *make, const uint64_t *pcs, uint32_t count)
{
    uint32_t id = make->stack_words;
    make->stacks[id] = count;
    memcpy(&make->stacks[id + 1], pcs, count * sizeof(*pcs));
    make->stack_words += count + 1;
    return id;
}

/* ---- streams ---- */

/* A place for one record; the chunk's `used` is set by put_end. */
static uint8_t *put_begin(struct make_stream *stream, uint32_t size)
{
    struct trace_chunk_header header;
    if (stream->size) {
        memcpy(&header, stream->bytes + stream->chunk, sizeof(header));
        if (sizeof(header) + header.used + TRACE_RECORD_MAX <= header.size)
            return stream->bytes + stream->chunk + sizeof(header) + header.used;
    }
    if (stream->size + size > stream->capacity) {
        stream->capacity = stream->capacity ? stream->capacity * 2 : size;
        stream->bytes = memory_resize(stream->bytes, stream->capacity, 1);
    }
    stream->chunk = stream->size;
    stream->size += size;
    memset(stream->bytes + stream->chunk, 0, size);
    header = (struct trace_chunk_header){
        .magic = TRACE_CHUNK_MAGIC, .size = size, .sequence = stream->sequence++};
    memcpy(stream->bytes + stream->chunk, &header, sizeof(header));
    return stream->bytes + stream->chunk + sizeof(header);
}

static void put_end(struct make_stream *stream, const uint8_t *end)
{
    uint32_t used = (uint32_t)(end - (stream->bytes + stream->chunk)) -
                    (uint32_t)sizeof(struct trace_chunk_header);
    memcpy(stream->bytes + stream->chunk + offsetof(struct trace_chunk_header, used), &used, 4);
}

void make_sync(struct trace_make *make, uint32_t stream, const struct trace_sync *record)
{
    uint32_t largest = TRACE_SYNC_OFFSET - TRACE_SYNC_WINDOW;
    uint8_t *p =
        put_begin(&make->sync[stream], make->chunk_size < largest ? make->chunk_size : largest);
    put_end(&make->sync[stream], trace_sync_put(&make->sync_codec[stream], p, record));
}

void make_access(struct trace_make *make, uint32_t stream, const struct trace_access *record)
{
    uint8_t *p = put_begin(&make->access[stream], make->chunk_size);
    put_end(&make->access[stream], trace_access_put(&make->access_codec[stream], p, record));
}

void make_switch(struct trace_make *make, uint32_t stream, uint32_t task, uint64_t segment)
{
    struct trace_sync sync = {.type = TRACE_SYNC_SWITCH, .task = task, .segment = segment};
    struct trace_access access = {.type = TRACE_ACCESS_SWITCH, .task = task, .segment = segment};
    make_sync(make, stream, &sync);
    make_access(make, stream, &access);
}

void make_segment(struct trace_make *make, uint32_t stream, uint64_t segment)
{
    struct trace_access record = {.type = TRACE_ACCESS_SEGMENT, .segment = segment};
    make_access(make, stream, &record);
}

void make_time(struct trace_make *make, uint32_t stream, uint64_t tsc)
{
    struct trace_access record = {.type = TRACE_ACCESS_TIME, .tsc = tsc};
    make_access(make, stream, &record);
}

void make_edge(struct trace_make *make, uint32_t stream, uint64_t segment, uint32_t from,
               uint64_t from_segment, uint32_t object)
{
    struct trace_sync record = {.type = TRACE_SYNC_EDGE,
                                .segment = segment,
                                .from = from,
                                .from_segment = from_segment,
                                .object = object,
                                .pc = 0x1000};
    make_sync(make, stream, &record);
}

void make_line(struct trace_make *make, uint32_t stream, uint32_t kind, uint64_t pc,
               uint64_t address, uint64_t mask)
{
    struct trace_access_codec *codec = &make->access_codec[stream];
    uint8_t *p = put_begin(&make->access[stream], make->chunk_size);
    put_end(&make->access[stream],
            trace_line_put(codec, p, (uint8_t)kind, pc, address, mask, codec->context, 0, 1));
}

void make_block(struct trace_make *make, uint32_t stream, enum trace_access_type type,
                enum trace_alloc kind, uint64_t address, uint64_t size, uint64_t tsc)
{
    struct trace_access record = {.type = type,
                                  .kind = kind,
                                  .context = make->access_codec[stream].context,
                                  .address = address,
                                  .size = size,
                                  .pc = 0x2000,
                                  .tsc = tsc};
    make_access(make, stream, &record);
}
