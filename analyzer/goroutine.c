/*
 * Facts about goroutines: see goroutine.h. The recorder gives a goroutine the name of the test that it was made for, or
 * that of its maker; where it saw no T.Run (benchmarks, examples), a function on some stack may say it.
 */
#include "analyzer/goroutine.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/describe.h"
#include "analyzer/memory.h"

#define TESTS_MAX 4u /* named in one finding */

bool goroutine_is(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    return task && task->kind == TRACE_TASK_GOROUTINE;
}

bool goroutine_own(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    if (!goroutine_is(analysis, id) || task->flags & (TRACE_TASK_SYSTEM | TRACE_TASK_FOREIGN) ||
        task->handle == 1)
        return false;
    struct stack stack = symbols_stack_id(analysis->symbols, task->create_stack);
    bool own = stack.count && stack.frames[0].own;
    stack_free(&stack);
    return own;
}

/* "BenchmarkCopy" of "example.org/m.BenchmarkCopy..func1" */
static char *test_word(const char *function)
{
    static const char *const begins[] = {"Test", "Benchmark", "Fuzz", "Example"};
    const char *slash = function ? strrchr(function, '/') : NULL;
    const char *dot = function ? strchr(slash ? slash : function, '.') : NULL;
    size_t length = dot ? strcspn(dot + 1, ".") : 0;
    if (!length || !strncmp(dot + 1, "TestMain", length))
        return NULL;
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (length > strlen(begins[i]) && !strncmp(dot + 1, begins[i], strlen(begins[i])))
            return memory_format("%.*s", (int)length, dot + 1);
    return NULL;
}

static char *test_of_stack(const struct stack *stack)
{
    char *test = NULL;
    for (uint32_t i = 0; i < stack->count && !test; i++)
        test = stack->frames[i].own ? test_word(stack->frames[i].function) : NULL;
    return test;
}

char *goroutine_test(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    if (!goroutine_is(analysis, id))
        return NULL;
    char *test = describe_text(analysis->trace, task->test);
    if (test)
        return test;
    struct stack stack = symbols_stack_id(analysis->symbols, task->create_stack);
    test = test_of_stack(&stack);
    stack_free(&stack);
    return test;
}

static int text_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Who takes part in it: whose accesses, waits or creation it shows; else whoever does something in it. */
static bool takes_part(const struct part *part, bool events)
{
    bool event = part->role == PART_EVENT;
    return part->task && (event == events) && part->role != PART_LOCATION &&
           part->role != PART_EXPLAINED;
}

static uint32_t tests_of(const struct analysis *analysis, const struct finding *finding,
                         bool events, char **tests)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < finding->part_count && count < TESTS_MAX; i++) {
        const struct part *part = &finding->parts[i];
        char *test = takes_part(part, events) ? goroutine_test(analysis, part->task) : NULL;
        if (!test && takes_part(part, events))
            test = test_of_stack(&part->stack);
        bool known = !test;
        for (uint32_t j = 0; j < count && !known; j++)
            known = !strcmp(tests[j], test);
        if (known)
            free(test);
        else
            tests[count++] = test;
    }
    return count;
}

void goroutine_mark(const struct analysis *analysis, struct finding *finding)
{
    char *tests[TESTS_MAX];
    for (uint32_t i = 0; i < finding->part_count; i++)
        finding->goroutine |= goroutine_is(analysis, finding->parts[i].task);
    if (!finding->goroutine)
        return;
    uint32_t count = tests_of(analysis, finding, false, tests);
    if (!count)
        count = tests_of(analysis, finding, true, tests);
    qsort(tests, count, sizeof(*tests), text_compare);
    for (uint32_t i = 0; i < count; i++) {
        char *longer = finding->test ? memory_format("%s, %s", finding->test, tests[i])
                                     : memory_text(tests[i]);
        free(finding->test);
        finding->test = longer;
        free(tests[i]);
    }
}
