/*
 * `gorocheck dump`: the records for people, one line each, made of words and numbers as they stand
 * in the trace: nothing is interpreted, so that one can see what the recorder wrote.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/cmd.h"
#include "analyzer/fault.h"
#include "analyzer/memory.h"
#include "analyzer/options.h"
#include "analyzer/report.h"
#include "analyzer/session.h"
#include "analyzer/trace.h"

static const char *const state_words[] = {"unused", "created", "running", "blocked", "ended"};
static const char *const object_words[] = {"unused", "live", "destroyed", "freed"};

static const char *word_of(const char *const *words, size_t count, uint32_t index)
{
    return index < count ? words[index] : "?";
}
#define WORD(words, index) word_of((words), sizeof(words) / sizeof((words)[0]), (index))

static void dump_process(const struct trace *trace)
{
    const struct trace_process *p = &trace->process;
    printf("process pid %u parent %u end %u code %d task %u flags 0x%x streams %u events %" PRIu64
           " start %" PRIu64 " end %" PRIu64 " ns lost %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
           " %" PRIu64 " executable %s options '%s' off '%s'\n",
           p->pid, p->parent_pid, p->end, p->end_code, p->end_task, p->flags, p->streams, p->events,
           p->start_ns, p->end_ns, p->lost_sync, p->lost_access, p->lost_tasks, p->lost_objects,
           p->lost_stacks, p->executable, p->options, p->off_reason);
}

static void dump_held(const struct trace_held *held, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < TRACE_HELD_MAX; i++)
        printf(" held %u%s stack %u", held[i].object,
               held[i].mode == TRACE_MODE_SHARED ? " shared" : "", held[i].stack);
}

static void dump_task(const struct trace *trace, uint32_t id)
{
    const struct trace_task *task = &trace->tasks[id];
    printf("task %u %s kind %u flags 0x%x tid %u name '%s' parent %u segment %" PRIu64
           " of-parent %" PRIu64 " created-at %u entry 0x%" PRIx64,
           id, WORD(state_words, task->state), task->kind, task->flags, task->os_tid, task->name,
           task->parent, task->segment, task->parent_segment, task->create_stack, task->entry);
    if (task->state == TRACE_TASK_BLOCKED)
        printf(" in %s on %u %u value %" PRIu64 " since %" PRIu64 " ns stack %u",
               task->primitive < PRIMITIVE_COUNT ? trace_primitives[task->primitive].name : "?",
               task->object, task->object2, task->wait_value, trace_ns(trace, task->since_tsc),
               task->wait_stack);
    if (task->state == TRACE_TASK_ENDED)
        printf(" exit %u stack %u at %" PRIu64 " ns", task->exit, task->exit_stack,
               trace_ns(trace, task->end_tsc));
    if (task->joined_by)
        printf(" joined by %u stack %u", task->joined_by, task->join_stack);
    dump_held(task->held, task->held_count);
    putchar('\n');
}

static void dump_object(const struct trace *trace, uint32_t id)
{
    const struct trace_object *object = &trace->objects[id];
    printf("object %u %s %s 0x%" PRIx64 " flags 0x%x made by %u stack %u",
           id | (uint32_t)object->generation << TRACE_OBJECT_SLOT_BITS,
           WORD(object_words, object->state), WORD(trace_object_kind_text, object->kind),
           object->address, object->flags, object->create_task, object->create_stack);
    if (object->owner || object->readers || object->last_owner)
        printf(" owner %u x%u stack %u readers %u last %u", object->owner, object->owner_count,
               object->owner_stack, object->readers, object->last_owner);
    printf(" waiters %u value %" PRId64, object->waiters, object->value);
    if (object->posts)
        printf(" posts %" PRIu64 " last by %u stack %u at %" PRIu64 " ns", object->posts,
               object->last_post_task, object->last_post_stack,
               trace_ns(trace, object->last_post_tsc));
    if (object->unheard)
        printf(" unheard %" PRIu64 " last by %u stack %u", object->unheard, object->unheard_task,
               object->unheard_stack);
    if (object->mutex)
        printf(" mutex %u", object->mutex);
    if (object->end_task)
        printf(" ended by %u stack %u", object->end_task, object->end_stack);
    putchar('\n');
}

static void dump_modules(const struct trace *trace)
{
    for (uint32_t i = 0; i < trace->module_count; i++) {
        const struct trace_module *module = &trace->modules[i];
        if (!module->state)
            continue;
        printf("module 0x%" PRIx64 " 0x%" PRIx64 " bias 0x%" PRIx64 " flags 0x%x %s build-id ",
               module->low, module->high, module->bias, module->flags, module->path);
        for (uint32_t j = 0; j < module->build_id_size && j < sizeof(module->build_id); j++)
            printf("%02x", module->build_id[j]);
        putchar('\n');
    }
}

static void dump_stacks(const struct trace *trace)
{
    uint64_t words = trace->stacks.size / sizeof(uint64_t);
    for (uint64_t id = 1; id < words && id <= UINT32_MAX;) {
        uint32_t count;
        const uint64_t *pcs = trace_stack(trace, (uint32_t)id, &count);
        if (!pcs || !count)
            break;
        printf("stack %" PRIu64, id);
        for (uint32_t i = 0; i < count; i++)
            printf(" 0x%" PRIx64, pcs[i]);
        putchar('\n');
        id += count + 1;
    }
}

static void dump_tables(const struct trace *trace)
{
    dump_process(trace);
    for (uint32_t id = 1; id < trace->task_count; id++)
        if (trace->tasks[id].state)
            dump_task(trace, id);
    for (uint32_t id = 1; id < trace->object_count; id++)
        if (trace->objects[id].state)
            dump_object(trace, id);
    dump_modules(trace);
    dump_stacks(trace);
}

static void dump_sync_record(const struct trace_sync *r)
{
    switch ((enum trace_sync_type)r->type) {
    case TRACE_SYNC_SWITCH:
        printf("switch task %u segment %" PRIu64, r->task, r->segment);
        break;
    case TRACE_SYNC_EDGE:
        printf("edge task %u segment %" PRIu64 " after task %u segment %" PRIu64
               " by object %u pc 0x%" PRIx64,
               r->task, r->segment, r->from, r->from_segment, r->object, r->pc);
        break;
    case TRACE_SYNC_FOLD:
        printf("fold clock %u segment %" PRIu64 " after task %u segment %" PRIu64, r->task,
               r->segment, r->from, r->from_segment);
        break;
    case TRACE_SYNC_ORDER:
        printf("order task %u segment %" PRIu64 " object %u mode %u stack %u", r->task, r->segment,
               r->object, r->mode, r->stack);
        dump_held(r->held, r->held_count);
        break;
    case TRACE_SYNC_MISUSE:
        printf("misuse task %u segment %" PRIu64 " %s object %u stack %u other task %u stack %u",
               r->task, r->segment, WORD(trace_misuse_name, r->detail), r->object, r->stack,
               r->other_task, r->other_stack);
        break;
    case TRACE_SYNC_LOST:
        printf("lost %" PRIu64, r->value);
        break;
    }
    putchar('\n');
}

static void dump_sync(const struct trace *trace)
{
    for (uint32_t stream = 0; stream < trace->stream_count; stream++) {
        struct sync_cursor cursor;
        struct trace_sync record;
        sync_open(&cursor, trace, stream);
        while (sync_next(&cursor, &record)) {
            printf("sync.%u ", stream);
            dump_sync_record(&record);
        }
        if (cursor.error)
            printf("sync.%u damaged at offset %" PRIu64 ": %s\n", stream, cursor.error_offset,
                   cursor.error);
    }
}

static void dump_access_record(const struct trace *trace, const struct trace_access *r)
{
    switch ((enum trace_access_type)r->type) {
    case TRACE_ACCESS_SWITCH:
        printf("switch task %u segment %" PRIu64, r->task, r->segment);
        break;
    case TRACE_ACCESS_SEGMENT:
        printf("segment %" PRIu64, r->segment);
        break;
    case TRACE_ACCESS_CONTEXT:
        printf("context %u", r->context);
        if (r->stack_of != r->context - 1)
            printf(" stack of %u", r->stack_of);
        printf(" pops %u", r->pops);
        for (uint32_t i = 0; i < r->pushes && i < TRACE_CONTEXT_PUSH_MAX; i++)
            printf(" 0x%" PRIx64, r->push[i]);
        if (r->held_changed)
            printf(" holds %u:", r->held_count);
        else if (r->held_of != r->context - 1)
            printf(" holds as %u", r->held_of);
        for (uint32_t i = 0; r->held_changed && i < r->held_count && i < TRACE_HELD_MAX; i++)
            printf(" %u%s", r->held[i].object,
                   r->held[i].mode == TRACE_MODE_SHARED ? " shared" : "");
        break;
    case TRACE_ACCESS_LINE:
        printf("line 0x%" PRIx64 " mask 0x%016" PRIx64 " kind 0x%02x pc 0x%" PRIx64
               " context %u run %" PRIu64 " stride %" PRId64,
               r->address, r->mask, r->kind, r->pc, r->context, r->run, r->stride);
        break;
    case TRACE_ACCESS_RANGE:
        printf("range 0x%" PRIx64 " size %" PRIu64 " kind 0x%02x pc 0x%" PRIx64 " context %u",
               r->address, r->size, r->kind, r->pc, r->context);
        break;
    case TRACE_ACCESS_ALLOC:
    case TRACE_ACCESS_FREE:
        printf("%s 0x%" PRIx64 " size %" PRIu64 " kind %u pc 0x%" PRIx64 " context %u at %" PRIu64
               " ns",
               r->type == TRACE_ACCESS_ALLOC ? "alloc" : "free", r->address, r->size, r->kind,
               r->pc, r->context, trace_ns(trace, r->tsc));
        break;
    case TRACE_ACCESS_LOST:
        printf("lost %" PRIu64, r->size);
        break;
    case TRACE_ACCESS_TIME:
        printf("time %" PRIu64 " ns", trace_ns(trace, r->tsc));
        break;
    }
    putchar('\n');
}

static void dump_access(const struct trace *trace)
{
    for (uint32_t stream = 0; stream < trace->stream_count; stream++) {
        struct access_cursor *cursor = memory_get(1, sizeof(*cursor)); /* too big for a stack */
        struct trace_access record;
        access_open(cursor, trace, stream);
        while (access_next(cursor, &record)) {
            printf("access.%u ", stream);
            dump_access_record(trace, &record);
        }
        if (cursor->error)
            printf("access.%u damaged at offset %" PRIu64 ": %s\n", stream, cursor->error_offset,
                   cursor->error);
        free(cursor);
    }
}

static const struct {
    const char *name;
    void (*print)(const struct trace *trace);
} sections[] = {{"tables", dump_tables}, {"sync", dump_sync}, {"access", dump_access}};

static int dump(const char *path, const char *section)
{
    char *error = NULL;
    if (!session_folder(path))
        return STATUS_USAGE;
    struct trace *trace = trace_open(path, &error);
    if (!trace) {
        session_say("%s", error);
        free(error);
        return STATUS_FAILURE;
    }
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        if (!section || !strcmp(section, sections[i].name))
            sections[i].print(trace);
    for (uint32_t i = 0; i < trace->problem_count; i++)
        printf("damaged %s at offset %" PRIu64 ": %s\n", trace->problems[i].file,
               trace->problems[i].offset, trace->problems[i].text);
    if (fault_count())
        printf("damaged: %u pages had no bytes, and were taken for zeros\n", fault_count());
    int status = trace->problem_count || fault_count() ? STATUS_FAILURE : STATUS_CLEAN;
    trace_close(trace);
    if (fflush(stdout) || ferror(stdout)) {
        session_say("dump: standard output cannot be written");
        return STATUS_FAILURE;
    }
    return status;
}

int cmd_dump(int argc, char **argv)
{
    struct options options;
    char *error = NULL;
    options_default(&options);
    int first = options_parse(&options, OPTION_DUMP, argc - 1, argv + 1, &error);
    if (first < 0) {
        session_say("dump: %s", error);
        free(error);
        return STATUS_USAGE;
    }
    if (options.help) {
        command_help(command_find("dump"));
        return STATUS_CLEAN;
    }
    int words = argc - 1 - first;
    const char *section = words == 2 ? argv[first + 2] : NULL;
    bool known = !section;
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !known; i++)
        known = !strcmp(section, sections[i].name);
    if (words < 1 || words > 2 || !known) {
        session_say("dump: gorocheck dump DIR [tables|sync|access]");
        return STATUS_USAGE;
    }
    return dump(argv[first + 1], section);
}
