/*
 * The rest of the recorder, as access_test.c needs it: one thread, memory for one stream, stacks by number.
 */
#ifndef SHIM_ACCESS_RECORDER_MAKE_H
#define SHIM_ACCESS_RECORDER_MAKE_H

#define STREAM_BYTES (32u << 20)
#define OBJECTS      16u

struct table table_tasks, table_stacks, table_process;
void volume_left_out(void)
{
}

struct shim_options shim_options = {.accesses = true, .heap = true};
volatile uint32_t shim_life[1024] = {SHIM_ON};
__thread struct thread *thread_current;
struct object *object_table;

__thread uint64_t patch_words[PATCH_WORDS];
__thread struct patch_spans patch_spans;
__thread struct patch_thread patch_thread;
__thread struct mark_stack mark_stack = {UINTPTR_MAX, UINTPTR_MAX, 0};
uint32_t patch_span_count;
bool patch_nests;
void patch_fence(void)
{
}

static struct thread own;
static struct trace_task own_record;
static struct object objects[OBJECTS];
static uint8_t *stream_bytes;
static uint8_t open_header[TRACE_ACCESS_OFFSET] __attribute__((aligned(64)));
static uint64_t stack_file[TRACE_TABLE_OFFSET / 8 + 4096], *const stack_words =
                                                               stack_file + TRACE_TABLE_OFFSET / 8;

struct thread *thread_attach(void)
{
    return NULL;
}

void sync_switch(struct thread *thread)
{
    fail_msg("task %u writes a synchronisation record", thread->task);
}

void thread_deliver(struct thread *thread)
{
    (void)thread;
}

void shim_off(const char *reason)
{
    fail_msg("%s", reason);
}

void *memory_get(size_t size)
{
    return raw_map(NULL, size, 3, 0x4022, -1, 0);
}

void *memory_get_aligned(size_t size)
{
    return memory_get(size);
}
void memory_huge(void *pages, size_t size)
{
    (void)pages;
    (void)size;
}

struct trace_open *stream_open_table(struct stream *stream)
{
    (void)stream;
    return (struct trace_open *)(open_header + TRACE_OPEN_OFFSET);
}

struct trace_parked *stream_park(struct stream *stream)
{
    (void)stream;
    return (struct trace_parked *)(open_header + TRACE_PARK_OFFSET);
}

uint8_t *stream_open_chunk(struct stream *stream)
{
    if (stream->chunk)
        return NULL;
    stream->chunk = (struct trace_chunk_header *)stream_bytes;
    stream->chunk->used = 0;
    stream->next = (uint8_t *)(stream->chunk + 1);
    stream->limit = stream_bytes + STREAM_BYTES - TRACE_RECORD_MAX;
    return stream->next;
}

uint32_t stack_put(const uint64_t *pcs, uint32_t count)
{
    static uint32_t used = 8;
    uint32_t id = used;
    stack_words[used++] = count;
    for (uint32_t i = 0; i < count; i++)
        stack_words[used++] = pcs[i];
    table_stacks.base = (uint8_t *)stack_file;
    table_stacks.slot_size = 8;
    return id;
}

const uint64_t *stack_frames(uint32_t id, uint32_t *count)
{
    *count = id ? (uint32_t)stack_words[id] : 0;
    return stack_words + id + 1;
}

void task_each_thread(void (*visit)(struct thread *thread, void *data), void *data)
{
    visit(&own, data);
}

volatile uint32_t patch_on;

bool own_stack_beside(uintptr_t *low, size_t *size)
{
    (void)low;
    (void)size;
    return false;
}

bool module_patched(uintptr_t pc)
{
    return pc == 0x6500;
}

uint32_t stack_here_rationed(struct thread *thread, uintptr_t pc, uintptr_t frame)
{
    (void)thread, (void)frame;
    if (!patch_on)
        return 0; /* no time is left for it: a block's stack is the shadow stack */
    return stack_put((const uint64_t[]){pc, 0x9001, 0x9000}, 3);
}

#endif
