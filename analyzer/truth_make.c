/* See truth_make.h. */
#include "analyzer/truth_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/order.h"

static const struct analysis_options plain = {.jobs = 1};

void truth_make_module(struct trace_make *make, uint64_t low, uint64_t high, uint32_t flags,
                       const char *path)
{
    uint32_t i = 1;
    while (make->modules[i].state)
        i++;
    make->modules[i] = (struct trace_module){.state = 1, .flags = flags, .low = low, .high = high};
    snprintf(make->modules[i].path, sizeof(make->modules[i].path), "%s", path);
}

/* Main creates two tasks, which run on streams A and B; all code below 0x8000 was patched. */
struct trace_make *truth_make_tasks(void)
{
    struct trace_make *make = trace_make_new();
    uint32_t a = make_task(make, 1, "a"), b = make_task(make, 1, "b");
    uint32_t object = make_object(make, TRACE_OBJECT_TASK, 0);
    truth_make_module(make, 0x10, 0x8000, TRACE_MODULE_MAIN | TRACE_MODULE_PATCHED, "/nowhere/app");
    make_switch(make, 0, 1, 1);
    make_switch(make, A, a, 1);
    make_edge(make, A, 1, 1, 1, object);
    make_switch(make, B, b, 1);
    make_edge(make, B, 1, 1, 1, object);
    return make;
}

void outcome_analyze(struct outcome *outcome, struct trace_make *make)
{
    char *error;
    trace_make_write(make);
    *outcome = (struct outcome){.make = make};
    outcome->analysis.trace = trace_open(make->path, &error);
    assert_non_null(outcome->analysis.trace);
    outcome->analysis.symbols = symbols_open(outcome->analysis.trace, NULL);
    outcome->analysis.order = order_build(outcome->analysis.trace);
    outcome->analysis.options = &plain;
    detect_race(&outcome->analysis);
    assert_int_equal(outcome->analysis.trace->problem_count, 0);
}

void outcome_free(struct outcome *outcome)
{
    finding_list_free(&outcome->analysis.findings);
    order_free(outcome->analysis.order);
    symbols_close(outcome->analysis.symbols);
    trace_close(outcome->analysis.trace);
    trace_make_free(outcome->make);
}
