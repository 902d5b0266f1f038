/*
 * The table of detectors, the run of an analysis, and what follows from a report. A trace is
 * analysed on its own; findings of several processes that are alike become one.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "analyzer/describe.h"
#include "analyzer/digest.h"
#include "analyzer/fault.h"
#include "analyzer/goroutine.h"
#include "analyzer/memory.h"
#include "analyzer/order.h"
#include "analyzer/report.h"
#include "analyzer/target.h"

/* All behind detect_blocked leave out, or add to, what it has told; so does detect_growth with detect_ending. */
static const struct detector detectors[] = {
    {"race", detect_race},     {"lock-order", detect_lock_order}, {"blocked", detect_blocked},
    {"ending", detect_ending}, {"growth", detect_growth},         {"unjoined", detect_unjoined},
    {"misuse", detect_misuse},
};

void analysis_add(struct analysis *analysis, struct finding *finding)
{
    goroutine_mark(analysis, finding);
    if (analysis->suppressions && suppressions_goroutine(analysis->suppressions, finding)) {
        analysis->suppressed++;
        finding_free(finding);
        return;
    }
    finding_add(&analysis->findings, finding);
}

void report_note(struct report *report, const char *format, ...)
{
    va_list list;
    char *text = NULL;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = memory_text("(out of memory)");
    va_end(list);
    report->notes = memory_resize(report->notes, report->note_count + 1, sizeof(*report->notes));
    report->notes[report->note_count++] = text;
}

static bool anything_seen(const struct trace *trace, const struct coverage *coverage)
{
    return coverage->tasks > 1 || trace->process.events || coverage->edges ||
           coverage->access_records;
}

static void count(const struct trace *trace, const struct order *order, struct coverage *coverage)
{
    coverage->sync_records = order->sync_records;
    coverage->sync_bytes = order->sync_bytes;
    coverage->edges = order->edge_count;
    for (uint32_t i = 1; i < trace->task_count; i++)
        coverage->tasks += trace->tasks[i].state && trace->tasks[i].kind != TRACE_TASK_CLOCK &&
                           !(trace->tasks[i].flags & TRACE_TASK_SYSTEM);
    for (uint32_t i = 1; i < trace->object_count; i++)
        coverage->objects += trace->objects[i].state != TRACE_OBJECT_UNUSED;
}

static void merge(struct report *report, struct finding_list *findings, uint32_t process)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        struct finding *finding = findings->items[i];
        findings->items[i] = NULL;
        if (suppressions_match(&report->suppressions, finding)) {
            report->suppressed++;
            finding_free(finding);
            continue;
        }
        uint32_t j = 0;
        while (j < report->item_count && !finding_alike(report->items[j].finding, finding))
            j++;
        if (j < report->item_count) {
            report->items[j].finding->count += finding->count;
            report->items[j].processes++;
            finding_free(finding);
            continue;
        }
        MEMORY_GROW(report->items, report->item_count, report->item_capacity);
        report->items[report->item_count++] =
            (struct report_item){.finding = finding, .process = process, .processes = 1};
    }
    finding_list_free(findings);
}

static int item_compare(const void *a, const void *b)
{
    const struct report_item *x = a, *y = b;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    if (x->finding->kind != y->finding->kind)
        return x->finding->kind < y->finding->kind ? -1 : 1;
    if (x->finding->certainty != y->finding->certainty)
        return x->finding->certainty < y->finding->certainty ? -1 : 1;
    return x->finding->order < y->finding->order ? -1 : x->finding->order > y->finding->order;
}

static char *program_name(const struct trace *trace)
{
    const char *path = trace->process.command[0] ? trace->process.command /* its first word */
                                                 : trace->process.executable;
    const char *slash = strrchr(path, '/');
    return memory_text(slash ? slash + 1 : path[0] ? path : "program");
}

/* A program that was killed, or left by a system call of its own, could not write down its end. */
static void complete_end(const struct report *report, struct trace *trace)
{
    struct trace_process *process = &trace->process;
    const struct report_end *end = &report->end;
    bool known = process->end != TRACE_END_NONE && process->end != TRACE_END_OFF;
    if (known || trace->live || end->tsc <= process->start_tsc)
        return;
    process->end_tsc = end->tsc;
    process->end_ns = end->ns;
    if (process->pid != end->pid || report->timeout > 0)
        return;
    process->end = WIFSIGNALED(end->status) ? TRACE_END_SIGNAL : TRACE_END_UNDER;
    process->end_code = WIFSIGNALED(end->status) ? WTERMSIG(end->status) : WEXITSTATUS(end->status);
}

/* A Go program with its runtime linked in: what its threads do says nothing of its goroutines. */
static bool is_blind(struct report *report, const struct trace *trace)
{
    struct target target = target_look(trace->process.executable);
    bool blind = target.blind;
    if (blind && !report->blind)
        report->blind = memory_text(target.obstacle);
    target_free(&target);
    return blind;
}

bool report_trace(struct report *report, const char *path, char **error)
{
    struct digest *digest = digests_find(report->digests, path);
    struct trace *trace = digest ? digest_finish(digest) : trace_open(path, error);
    if (!trace)
        return false;
    bool killed = report->timeout > 0 && !trace->process.end;
    complete_end(report, trace);
    struct analysis_options options = {.jobs = report->options->jobs,
                                       .memory_limit = report->options->memory_limit,
                                       .progress = !report->options->at_exit,
                                       .strip_path_prefix = report->options->strip_path_prefix,
                                       .ended_by_timeout = (int)(report->timeout + 0.999)};
    struct analysis analysis = {.trace = trace,
                                .options = &options,
                                .digest = digest,
                                .suppressions = &report->suppressions};
    analysis.order = digest ? digest_order(digest) : order_build(trace);
    analysis.symbols = symbols_open(trace, options.strip_path_prefix);
    analysis.reported = memory_get(trace->task_count, sizeof(*analysis.reported));
    count(trace, analysis.order, &analysis.coverage);
    bool seen = !is_blind(report, trace);
    for (size_t i = 0; seen && i < sizeof(detectors) / sizeof(detectors[0]); i++)
        detectors[i].run(&analysis);
    struct report_process process = {.trace = trace,
                                     .coverage = analysis.coverage,
                                     .name = program_name(trace),
                                     .child =
                                         report->end.pid && trace->process.pid != report->end.pid,
                                     .observed = seen && anything_seen(trace, &analysis.coverage),
                                     .ended_by_us = killed};
    process.roster = roster_make(&analysis, describe_end_tsc(trace));
    MEMORY_GROW(report->processes, report->process_count, report->process_capacity);
    report->processes[report->process_count++] = process;
    report->suppressed += analysis.suppressed;
    merge(report, &analysis.findings, report->process_count - 1);
    if (report->item_count)
        qsort(report->items, report->item_count, sizeof(*report->items), item_compare);
    free(analysis.reported);
    symbols_close(analysis.symbols);
    if (!digest)
        order_free(analysis.order);
    return true;
}

static int status_of(const struct report *report, int own)
{
    if ((report->item_count || report->timeout > 0) && report->options->exitcode)
        return report->options->exitcode;
    if (own)
        return own;
    if (report->item_count)
        return STATUS_CLEAN; /* exitcode=0 asks for this */
    if (!report->whole)
        return STATUS_FAILURE;
    return report->nothing || report->blind ? STATUS_NOTHING : STATUS_CLEAN;
}

void report_finish(struct report *report, int own)
{
    bool observed = report->item_count > 0;
    for (uint32_t i = 0; i < report->process_count; i++)
        observed |= report->processes[i].observed;
    if (!observed && !report->nothing)
        report->nothing = memory_text(
            report->blind ? report->blind
                          : "no second task, no synchronisation, no recorded memory access");
    else if (report->blind)
        report_note(report, "%s", report->blind);
    report_patch_names(report);
    if (fault_count()) {
        report->unreadable = true;
        report_note(report,
                    "%u page%s of the files read had no bytes (the disk is full, or they were cut "
                    "meanwhile), and were taken for zeros",
                    fault_count(), fault_count() == 1 ? "" : "s");
    }
    report->whole = !report->unreadable;
    for (uint32_t i = 0; i < report->process_count; i++)
        report->whole &= coverage_whole(&report->processes[i]);
    report->status = status_of(report, own);
}

void report_free(struct report *report)
{
    for (uint32_t i = 0; i < report->process_count; i++) {
        struct report_process *process = &report->processes[i];
        roster_free(&process->roster);
        free(process->name);
        trace_close(process->trace);
    }
    for (uint32_t i = 0; i < report->item_count; i++)
        finding_free(report->items[i].finding);
    for (uint32_t i = 0; i < report->note_count; i++)
        free(report->notes[i]);
    free(report->processes);
    free(report->items);
    free(report->notes);
    free(report->nothing);
    free(report->blind);
    suppressions_free(&report->suppressions);
    *report = (struct report){0};
}
