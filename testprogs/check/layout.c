/*
 * Writes docs/trace-layout.md: offset and size of every member of every struct of trace/format.h, and the values of its
 * enums. `make docs`; `make check-docs` fails when the page is out of date. A member that is missing here leaves a gap
 * between its neighbours, and a gap is an error.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "trace/format.h"

struct member {
    const char *name;
    size_t offset, size;
};

static int status;

static void table(const char *name, const char *about, size_t size, const struct member *members,
                  size_t count)
{
    size_t at = 0;
    printf("\n## struct %s: %zu bytes\n\n%s\n\n| offset | size | member |\n|---|---|---|\n", name,
           size, about);
    for (size_t i = 0; i < count; i++) {
        if (members[i].offset != at) {
            fprintf(stderr, "layout: gap before %s.%s\n", name, members[i].name);
            status = 1;
        }
        at = members[i].offset + members[i].size;
        printf("| %zu | %zu | %s |\n", members[i].offset, members[i].size, members[i].name);
    }
    if (at != size) {
        fprintf(stderr, "layout: gap at the end of %s\n", name);
        status = 1;
    }
}

#define M(type, member)                                                            \
    {                                                                              \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member) \
    }
#define TABLE(type, about, ...)                                                              \
    do {                                                                                     \
        static const struct member members[] = {__VA_ARGS__};                                \
        table(#type, about, sizeof(struct type), members, sizeof members / sizeof *members); \
    } while (0)

static void tables(void)
{
#define H(m) M(trace_file_header, m)
    TABLE(trace_file_header, "At the start of every file.", H(magic), H(version), H(kind),
          H(slot_size), H(data_offset), H(pid), H(stream), H(start_ns));
#define C(m) M(trace_chunk_header, m)
    TABLE(trace_chunk_header, "At the start of every chunk of a stream.", C(magic), C(size),
          C(used), C(sequence));
#define P(m) M(trace_process, m)
    TABLE(trace_process, "The one slot of `process`.", P(state), P(flags), P(pid), P(parent_pid),
          P(start_ns), P(start_tsc), P(end_ns), P(end_tsc), P(tsc_hz), P(end), P(end_code),
          P(end_task), P(end_stack), P(lost_sync), P(lost_access), P(lost_tasks), P(lost_objects),
          P(lost_stacks), P(events), P(streams), P(lost_errno), P(off_reason), P(executable),
          P(command), P(options), P(directory), P(patch_refused), P(goroutines), P(written),
          P(digested), P(waited_ns), P(reader), P(full));
#define T(m) M(trace_task, m)
    TABLE(trace_task, "Slots of `tasks`.", T(state), T(kind), T(flags), T(os_tid), T(parent),
          T(create_stack), T(parent_segment), T(entry), T(handle), T(stack_low), T(stack_high),
          T(segment), T(create_tsc), T(end_tsc), T(exit), T(exit_stack), T(joined_by),
          T(join_stack), T(object), T(object2), T(primitive), T(wait_stack), T(since_tsc),
          T(wait_value), T(held_count), T(reserved), T(name), T(held), T(list), T(wait_reason),
          T(test), T(message), T(pad));
#define D(m) M(trace_held, m)
    TABLE(trace_held, "An entry of `trace_task.held`.", D(object), D(stack), D(mode), D(count));
#define O(m) M(trace_object, m)
    TABLE(trace_object,
          "Slots of `objects`. `recorder` is the recorder's own and means nothing to readers.",
          O(state), O(kind), O(generation), O(address), O(flags), O(create_stack), O(owner),
          O(owner_count), O(owner_stack), O(last_owner), O(recorder), O(readers), O(waiters),
          O(value), O(posts), O(unheard), O(last_post_tsc), O(unheard_tsc), O(last_post_task),
          O(last_post_stack), O(unheard_task), O(unheard_stack), O(create_task), O(end_task),
          O(end_stack), O(mutex), O(end_tsc), O(recorder_more));
#define L(m) M(trace_module, m)
    TABLE(trace_module, "Slots of `modules`.", L(state), L(flags), L(low), L(high), L(bias),
          L(load_tsc), L(unload_tsc), L(build_id_size), L(build_id), L(candidates), L(seen),
          L(refused), L(uncalled), L(path));
#define E(m) M(trace_open, m)
    TABLE(trace_open, "Entries of the open table in the header of `access.N`.", E(mask), E(line),
          E(pc), E(run_mask), E(run), E(stride), E(near), E(kind), E(reserved2), E(context));
#define K(m) M(trace_parked, m)
    TABLE(trace_parked, "The parked records of `access.N`. `site` is the recorder's own.", K(mask),
          K(line), K(pc), K(context), K(kind), K(reserved), K(site));
}

#define VALUE(name) printf("| %d | %s |\n", (int)(name), strchr(#name, '_') + 1)

static void heading(const char *name)
{
    printf("\n## enum %s\n\n| value | name |\n|---|---|\n", name);
}

static void enums(void)
{
    heading("trace_file_kind");
    VALUE(TRACE_FILE_PROCESS);
    VALUE(TRACE_FILE_TASKS);
    VALUE(TRACE_FILE_OBJECTS);
    VALUE(TRACE_FILE_STACKS);
    VALUE(TRACE_FILE_MODULES);
    VALUE(TRACE_FILE_SYNC);
    VALUE(TRACE_FILE_ACCESS);
    heading("trace_end");
    VALUE(TRACE_END_NONE);
    VALUE(TRACE_END_EXIT);
    VALUE(TRACE_END_QUICK);
    VALUE(TRACE_END_UNDER);
    VALUE(TRACE_END_SIGNAL);
    VALUE(TRACE_END_EXEC);
    VALUE(TRACE_END_OFF);
    heading("trace_task_state");
    VALUE(TRACE_TASK_UNUSED);
    VALUE(TRACE_TASK_CREATED);
    VALUE(TRACE_TASK_RUNNING);
    VALUE(TRACE_TASK_BLOCKED);
    VALUE(TRACE_TASK_ENDED);
    heading("trace_object_state");
    VALUE(TRACE_OBJECT_UNUSED);
    VALUE(TRACE_OBJECT_LIVE);
    VALUE(TRACE_OBJECT_DESTROYED);
    VALUE(TRACE_OBJECT_FREED);
    heading("trace_object_kind");
#define X(name, text) VALUE(TRACE_OBJECT_##name);
    TRACE_OBJECT_KINDS(X)
#undef X
    heading("trace_misuse");
#define X(name, text) VALUE(TRACE_MISUSE_##name);
    TRACE_MISUSES(X)
#undef X
}

int main(void)
{
    printf("<!-- Written by `make docs` from trace/format.h. Edit that. -->\n"
           "# Layout of the trace's tables\n\n"
           "Trace version %u. The prose is in [trace-format.md](trace-format.md). Little-endian.\n",
           TRACE_VERSION);
    tables();
    enums();
    return ferror(stdout) ? 1 : status;
}
