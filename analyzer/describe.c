/*
 * Tasks, objects and moments in words: see describe.h. Nothing here decides anything.
 */
#include "analyzer/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

/* A thread inherits its creator's name, so one that is the program's says nothing. */
static const char *own_name(const struct analysis *analysis, const struct trace_task *task)
{
    const struct trace_task *main_task = trace_task(analysis->trace, 1);
    if (!task->name[0] || !main_task)
        return NULL;
    return strcmp(task->name, main_task->name) ? task->name : NULL;
}

/* What gccgo makes of `go f(x)`: a function that calls f. */
static bool is_thunk(const char *name)
{
    return strstr(name, "..thunk") != NULL;
}

/* The function that a go statement named, if the goroutine waits or waited in it, or was in it at the end. */
static char *started_function(const struct analysis *analysis, const struct trace_task *task)
{
    struct stack stack =
        symbols_stack_id(analysis->symbols, task->wait_stack ? task->wait_stack : task->exit_stack);
    char *name = NULL;
    for (uint32_t i = stack.count; i-- > 0 && !name;) {
        const char *function = stack.frames[i].function;
        if (function && !is_thunk(function) && strcmp(function, "runtime.kickoff") != 0)
            name = memory_text(function);
    }
    stack_free(&stack);
    return name;
}

char *describe_entry(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    if (!task || !task->entry || task->flags & TRACE_TASK_MAIN)
        return NULL;
    uint64_t entry = task->entry;
    struct stack stack = symbols_stack(analysis->symbols, &entry, 1, true);
    char *name = NULL;
    if (stack.count && stack.frames[stack.count - 1].function)
        name = memory_text(stack.frames[stack.count - 1].function);
    stack_free(&stack);
    if (task->kind != TRACE_TASK_GOROUTINE || !name || !is_thunk(name))
        return name;
    free(name);
    return started_function(analysis, task);
}

static char *task_name(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    const char *name = task ? own_name(analysis, task) : NULL;
    return name ? memory_text(name) : describe_entry(analysis, id);
}

static bool is_main(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    return task && task->flags & TRACE_TASK_MAIN;
}

static bool is_goroutine(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    return task && task->kind == TRACE_TASK_GOROUTINE;
}

static char *describe_goroutine(const struct analysis *analysis, uint32_t id)
{
    unsigned long long number = trace_task(analysis->trace, id)->handle;
    if (number == 1)
        return memory_text("the main goroutine");
    char *name = describe_entry(analysis, id);
    char *text = name ? memory_format("goroutine %llu '%s'", number, name)
                      : memory_format("goroutine %llu", number);
    free(name);
    return text;
}

char *describe_task(const struct analysis *analysis, uint32_t id)
{
    if (!id)
        return memory_text("an unknown task");
    if (is_goroutine(analysis, id))
        return describe_goroutine(analysis, id);
    if (is_main(analysis, id))
        return memory_text("main task");
    char *name = task_name(analysis, id);
    char *text = name ? memory_format("task %u '%s'", id, name) : memory_format("task %u", id);
    free(name);
    return text;
}

char *describe_task_word(const struct analysis *analysis, uint32_t id)
{
    if (is_main(analysis, id))
        return memory_text("main");
    char *name = task_name(analysis, id);
    if (!name)
        return memory_format("task-%u", id);
    for (char *c = name; *c; c++)
        if (*c == ' ')
            *c = '-';
    return name;
}

char *describe_text(const struct trace *trace, uint32_t id)
{
    uint32_t count = 0;
    const uint64_t *words = id ? trace_stack(trace, id, &count) : NULL;
    char text[8 * TRACE_STACK_DEPTH + 1] = "";
    size_t length = 0;
    for (uint32_t i = 0; words && i < count && i < TRACE_STACK_DEPTH; i++) {
        for (int byte = 0; byte < 8 && words[i] >> 8 * byte & 0xff; byte++) {
            char c = (char)(words[i] >> 8 * byte & 0xff);
            text[length++] = c >= ' ' && c < 0x7f ? c : '-';
        }
    }
    return length ? memory_text(text) : NULL;
}

/* By gorocheck_name. */
static char *told_name(const struct trace *trace, const struct trace_object *object)
{
    char *name = object->kind == TRACE_OBJECT_COND ? NULL : describe_text(trace, object->mutex);
    for (char *c = name; c && *c; c++)
        if (*c == ' ')
            *c = '-';
    return name;
}

/* Where the object that a Go program has keeps its state is no concern of the program's: "main.mu", not "main.mu.state". */
static void trim_go(const struct trace_object *object, char *name)
{
    static const struct {
        enum trace_object_kind kind;
        const char *inner;
    } inners[] = {{TRACE_OBJECT_MUTEX, ".state"},
                  {TRACE_OBJECT_RWLOCK, ".w.state"},
                  {TRACE_OBJECT_WAITGROUP, ".state1"},
                  {TRACE_OBJECT_ONCE, ".done"}};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof(inners) / sizeof(inners[0]); i++) {
        size_t inner = strlen(inners[i].inner);
        if (object->kind == inners[i].kind && object->flags & TRACE_OBJECT_GO && length > inner &&
            !strcmp(name + length - inner, inners[i].inner))
            name[length - inner] = 0;
    }
}

static char *object_variable(const struct analysis *analysis, const struct trace_object *object)
{
    struct variable variable;
    char *told = told_name(analysis->trace, object);
    if (told || !symbols_variable(analysis->symbols, object->address, &variable))
        return told;
    char *name = memory_text(variable.name);
    trim_go(object, name);
    variable_free(&variable);
    return name;
}

/* The id of the task that a TASK object stands for: the one whose handle lies at its address. */
static uint32_t object_task(const struct trace *trace, const struct trace_object *object)
{
    for (uint32_t id = 1; id < trace->task_count; id++) {
        const struct trace_task *task = trace_task(trace, id);
        if (task && task->handle == object->address && object->address)
            return id;
    }
    return 0;
}

/* Found by a number of the kernel's, not by an address. */
static bool is_kernel_object(const struct trace_object *object)
{
    return object->kind == TRACE_OBJECT_FD || object->kind == TRACE_OBJECT_PIPE ||
           object->kind == TRACE_OBJECT_SOCKET || object->kind == TRACE_OBJECT_EVENTFD ||
           object->kind == TRACE_OBJECT_QUEUE || object->kind == TRACE_OBJECT_SEMSET ||
           object->kind == TRACE_OBJECT_FILE || object->kind == TRACE_OBJECT_SIGNAL;
}

static char *kernel_object(const struct trace_object *object, uint32_t id)
{
    if (!is_kernel_object(object))
        return NULL;
    if (object->kind == TRACE_OBJECT_FD)
        return memory_format(
            "%s %llu",
            trace_fd_text[object->value > 0 && object->value < TRACE_FD_COUNT ? object->value
                                                                              : TRACE_FD_UNKNOWN],
            (unsigned long long)object->address);
    const char *name =
        object->kind == TRACE_OBJECT_SIGNAL ? sigabbrev_np((int)object->value) : NULL;
    return name ? memory_format("SIG%s", name)
                : memory_format("%s (object %u)", trace_object_kind_text[object->kind], id);
}

char *describe_object(const struct analysis *analysis, uint32_t id)
{
    const struct trace_object *object = trace_object(analysis->trace, id);
    if (!object)
        return memory_text("an unknown object");
    const char *kind = trace_object_kind_text[object->kind];
    if (object->kind == TRACE_OBJECT_TASK) {
        uint32_t task = object_task(analysis->trace, object);
        return task ? describe_task(analysis, task) : memory_format("a task (object %u)", id);
    }
    char *unnamed = kernel_object(object, id);
    if (unnamed)
        return unnamed;
    char *name = object_variable(analysis, object);
    char *text = name ? memory_format("%s '%s'", kind, name)
                      : memory_format("%s at 0x%llx (object %u)", kind,
                                      (unsigned long long)object->address, id);
    free(name);
    return text;
}

char *describe_object_word(const struct analysis *analysis, uint32_t id)
{
    const struct trace_object *object = trace_object(analysis->trace, id);
    if (!object)
        return memory_text("unknown");
    if (object->kind == TRACE_OBJECT_TASK) {
        uint32_t task = object_task(analysis->trace, object);
        return task ? describe_task_word(analysis, task) : memory_text("task");
    }
    char *name = is_kernel_object(object) ? NULL : object_variable(analysis, object);
    if (name)
        return name;
    name = memory_text(trace_object_kind_text[object->kind]);
    for (char *c = name; *c; c++)
        if (*c == ' ')
            *c = '-';
    return name;
}

char *describe_location(const struct analysis *analysis, uint64_t address)
{
    struct variable variable;
    if (!symbols_variable(analysis->symbols, address, &variable)) {
        char *section = symbols_section(analysis->symbols, address);
        char *nameless = section ? memory_format("global without a name at %s", section) : NULL;
        free(section);
        return nameless;
    }
    const char *module = variable.module ? strrchr(variable.module, '/') : NULL;
    module = module ? module + 1 : variable.module ? variable.module : "?";
    char *part = variable.name[variable.whole] ? memory_format("'%s' in ", variable.name) : NULL;
    char *defined =
        variable.file ? memory_format(" defined at %s:%d", variable.file, variable.line) : NULL;
    char *text = memory_format("%sglobal '%.*s' of size %llu%s (%s)", part ? part : "",
                               (int)variable.whole, variable.name,
                               (unsigned long long)variable.size, defined ? defined : "", module);
    free(part);
    free(defined);
    variable_free(&variable);
    return text;
}

void describe_origin(const struct analysis *analysis, struct finding *finding, uint32_t id)
{
    const struct trace_object *object = trace_object(analysis->trace, id);
    if (!object || object->kind == TRACE_OBJECT_TASK || !object->create_stack)
        return;
    char *name = is_kernel_object(object) ? NULL : object_variable(analysis, object);
    if (!name) {
        char *what = describe_object(analysis, id);
        char *who = describe_task(analysis, object->create_task);
        struct part *part = finding_part(finding, PART_LOCATION, object->create_task,
                                         symbols_stack_id(analysis->symbols, object->create_stack));
        finding_set(&part->text, "%s was %s by %s", what,
                    object->kind == TRACE_OBJECT_CHANNEL     ? "made"
                    : object->flags & TRACE_OBJECT_INIT_SEEN ? "initialised"
                                                             : "first used",
                    who);
        free(what);
        free(who);
    }
    free(name);
}

static char *describe_no_object(const struct trace_task *task)
{
    if (task->primitive == PRIMITIVE_go_send || task->primitive == PRIMITIVE_go_receive)
        return memory_text("a nil channel");
    if (task->primitive == PRIMITIVE_go_select)
        return memory_format("%llu channel%s", (unsigned long long)task->wait_value,
                             task->wait_value == 1 ? "" : "s");
    return memory_text("");
}

static char *describe_list(const struct analysis *analysis, const struct trace_task *task)
{
    uint32_t count = 0, conduits = 0;
    const uint64_t *words = trace_stack(analysis->trace, task->list, &count);
    for (uint32_t i = 0; words && i < count; i++) {
        const struct trace_object *object =
            trace_object(analysis->trace, (uint32_t)(words[i] >> 1));
        conduits += object && object->kind != TRACE_OBJECT_FD; /* not the epoll set itself */
    }
    return memory_format("input from any of %u descriptor%s", conduits, conduits == 1 ? "" : "s");
}

static char *describe_wait(const struct analysis *analysis, const struct trace_task *task)
{
    const char *verb = "waiting on";
    if (task->primitive < PRIMITIVE_COUNT) {
        const char *text = trace_verbs[trace_primitives[task->primitive].verb].text;
        if (text[0])
            verb = text;
    }
    char *object;
    if (task->primitive < PRIMITIVE_COUNT && task->wait_value < analysis->trace->task_count &&
        trace_primitives[task->primitive].kind == TRACE_OBJECT_TASK && task->wait_value)
        object = describe_task(analysis, (uint32_t)task->wait_value);
    else if (!task->object && task->kind == TRACE_TASK_GOROUTINE)
        object = describe_no_object(task);
    else if (task->list && trace_primitives[task->primitive % PRIMITIVE_COUNT].verb == VERB_POLL_ID)
        object = describe_list(analysis, task);
    else if (!task->object)
        object = memory_text(
            trace_primitives[task->primitive % PRIMITIVE_COUNT].verb == VERB_POLL_ID ? "descriptors"
                                                                                     : "");
    else
        object = describe_object(analysis, task->object);
    const struct trace_object *facts = trace_object(analysis->trace, task->object);
    char *text;
    if (facts && !task->list && facts->kind != TRACE_OBJECT_FD && is_kernel_object(facts) &&
        trace_primitives[task->primitive % PRIMITIVE_COUNT].kind == TRACE_OBJECT_FD)
        text = memory_format("%s %s, descriptor %llu", verb, object,
                             (unsigned long long)task->wait_value);
    else
        text = memory_format("%s%s%s", verb, *object ? " " : "", object);
    free(object);
    return text;
}

char *describe_state(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    if (!task)
        return memory_text("unknown");
    switch ((enum trace_task_state)task->state) {
    case TRACE_TASK_UNUSED:
        return memory_text("unknown");
    case TRACE_TASK_CREATED:
        return memory_text("not yet started");
    case TRACE_TASK_RUNNING:
        return memory_text("running");
    case TRACE_TASK_BLOCKED:
        return describe_wait(analysis, task);
    case TRACE_TASK_ENDED:
        break;
    }
    switch ((enum trace_task_exit)task->exit) {
    case TRACE_EXIT_NONE:
        break;
    case TRACE_EXIT_RETURN:
        return memory_text("ended by return");
    case TRACE_EXIT_PTHREAD_EXIT:
        return memory_text("ended by pthread_exit");
    case TRACE_EXIT_CANCELED:
        return memory_text("cancelled");
    }
    return memory_text("ended");
}

char *describe_held(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    if (!task || !task->held_count)
        return NULL;
    uint32_t listed = task->held_count < TRACE_HELD_MAX ? task->held_count : TRACE_HELD_MAX;
    char *text = NULL;
    for (uint32_t i = 0; i < listed; i++) {
        char *object = describe_object(analysis, task->held[i].object);
        char *longer =
            memory_format("%s%s%s%s", text ? text : "", text ? ", " : "", object,
                          task->held[i].mode == TRACE_MODE_SHARED ? " (for reading)" : "");
        free(object);
        free(text);
        text = longer;
    }
    if (task->held_count > listed) {
        char *longer = memory_format("%s and %u more", text, task->held_count - listed);
        free(text);
        text = longer;
    }
    return text;
}

char *describe_span(uint64_t ns)
{
    double seconds = (double)ns / 1e9;
    if (seconds >= 7200)
        return memory_format("%.1f h", seconds / 3600);
    if (seconds >= 120)
        return memory_format("%.1f min", seconds / 60);
    if (seconds >= 1)
        return memory_format("%.2f s", seconds);
    if (seconds >= 1e-3)
        return memory_format("%.3g ms", seconds * 1e3);
    return memory_format("%.3g us", seconds * 1e6);
}

char *describe_between(const struct analysis *analysis, uint64_t from_tsc, uint64_t to_tsc)
{
    uint64_t from = trace_ns(analysis->trace, from_tsc), to = trace_ns(analysis->trace, to_tsc);
    return describe_span(to > from ? to - from : 0);
}

char *describe_since(const struct analysis *analysis, uint64_t since_tsc)
{
    char *span = describe_between(analysis, since_tsc, describe_end_tsc(analysis->trace));
    char *text =
        memory_format("for %s%s", analysis->trace->process.end_tsc ? "" : "at least ", span);
    free(span);
    return text;
}

uint64_t describe_end_tsc(const struct trace *trace)
{
    if (trace->process.end_tsc)
        return trace->process.end_tsc;
    uint64_t latest = trace->process.start_tsc;
    for (uint32_t id = 1; id < trace->task_count; id++) {
        const struct trace_task *task = &trace->tasks[id];
        const uint64_t moments[] = {task->create_tsc, task->end_tsc,
                                    task->state == TRACE_TASK_BLOCKED ? task->since_tsc : 0};
        for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
            if (moments[i] > latest)
                latest = moments[i];
    }
    return latest;
}
