/*
 * The coverage statement: what was and was not seen, so that "no findings" is never read as more
 * than it says. Every sentence is made here; reporters only lay them out.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/describe.h"
#include "analyzer/memory.h"
#include "analyzer/race.h"
#include "analyzer/report.h"

void sentences_add(struct sentences *sentences, const char *format, ...)
{
    va_list list;
    char *text = NULL;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = memory_text("(out of memory)");
    va_end(list);
    MEMORY_GROW(sentences->lines, sentences->count, sentences->capacity);
    sentences->lines[sentences->count++] = text;
}

void sentences_free(struct sentences *sentences)
{
    for (uint32_t i = 0; i < sentences->count; i++)
        free(sentences->lines[i]);
    free(sentences->lines);
    *sentences = (struct sentences){0};
}

static const char *many(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static char *size_text(uint64_t bytes)
{
    if (bytes < 10000)
        return memory_format("%llu bytes", (unsigned long long)bytes);
    if (bytes < 10000000)
        return memory_format("%.0f KB", (double)bytes / 1e3);
    return memory_format("%.1f MB", (double)bytes / 1e6);
}

static void say_end(struct sentences *out, const struct report *report,
                    const struct report_process *process)
{
    const struct trace_process *facts = &process->trace->process;
    char *span =
        describe_span(facts->end_ns > facts->start_ns ? facts->end_ns - facts->start_ns : 0);
    switch ((enum trace_end)facts->end) {
    case TRACE_END_NONE:
        if (process->trace->live)
            sentences_add(out, "it is still running: this is what there was until now");
        else if (process->ended_by_us)
            sentences_add(out, "it did not end within %.3g s and was killed", report->timeout);
        else
            sentences_add(
                out, "its end was not recorded (killed, or the machine stopped): the record is "
                     "incomplete");
        break;
    case TRACE_END_EXIT:
        sentences_add(out, "it ended by exit(%d) after %s", facts->end_code, span);
        break;
    case TRACE_END_QUICK:
        sentences_add(out, "it ended by quick_exit(%d) after %s", facts->end_code, span);
        break;
    case TRACE_END_UNDER:
        sentences_add(out, "it ended by _exit(%d) after %s", facts->end_code, span);
        break;
    case TRACE_END_SIGNAL:
        sentences_add(out, "it was ended by signal %d (%s) after %s", facts->end_code,
                      strsignal(facts->end_code), span);
        break;
    case TRACE_END_EXEC:
        sentences_add(out, "it replaced itself by another program (exec) after %s", span);
        break;
    case TRACE_END_OFF:
        sentences_add(out, "its end was not seen: the recorder had given up");
        break;
    }
    free(span);
}

static void say_seen(struct sentences *out, const struct report_process *process)
{
    const struct coverage *seen = &process->coverage;
    char *sync = size_text(seen->sync_bytes), *access = size_text(seen->access_bytes);
    /* Each thread adds its calls when it ends: who was killed has not counted. */
    uint64_t calls = process->trace->process.events;
    char *counted = calls ? memory_format(", %llu synchronisation call%s",
                                          (unsigned long long)calls, many(calls))
                          : memory_text("");
    sentences_add(out, "seen: %llu task%s, %llu object%s%s; %llu hand-over%s (%s)",
                  (unsigned long long)seen->tasks, many(seen->tasks),
                  (unsigned long long)seen->objects, many(seen->objects), counted,
                  (unsigned long long)seen->edges, many(seen->edges), sync);
    free(counted);
    if (seen->access_records)
        sentences_add(out, "memory accesses: %llu record%s (%s)",
                      (unsigned long long)seen->access_records, many(seen->access_records), access);
    if (seen->atomic_races)
        sentences_add(
            out,
            "%llu pair%s of unordered accesses are no findings: the words are used by LOCKed "
            "instructions too or declared atomic, or such a word may order them; what memory order "
            "the source asks for does not show in machine code",
            (unsigned long long)seen->atomic_races, many(seen->atomic_races));
    if (seen->ignored_races)
        sentences_add(out,
                      "%llu racing access%s left out: the program says that they are meant to be "
                      "(gorocheck_ignore_range, AnnotateBenignRace)",
                      (unsigned long long)seen->ignored_races,
                      seen->ignored_races == 1 ? " was" : "es were");
    if (seen->copy_races)
        sentences_add(
            out,
            "%llu racing access%s left out: of two, one is a copy of a whole receiver that gccgo "
            "makes for a method of an embedded field",
            (unsigned long long)seen->copy_races, seen->copy_races == 1 ? " was" : "es were");
    if (seen->history_dropped)
        sentences_add(
            out,
            "%llu accesses were forgotten for lack of memory: races with them may be missed "
            "(--memory-limit)",
            (unsigned long long)seen->history_dropped);
    if (seen->history_crowded)
        sentences_add(
            out,
            "%llu access%s forgotten at lines of memory with more than %u unordered accesses: races "
            "with them may be missed",
            (unsigned long long)seen->history_crowded,
            seen->history_crowded == 1 ? " was" : "es were", race_room_entries(RACE_ROOM_MAX));
    if (seen->woken)
        sentences_add(
            out,
            "%llu task%s went on after long waits without being woken by what was seen of others: races "
            "with what had been forgotten by then may be missed (that is not so where a run is recorded "
            "first and analyzed afterwards)",
            (unsigned long long)seen->woken, many(seen->woken));
    if (seen->waits_unknown)
        sentences_add(
            out,
            "%llu goroutine%s waited at the end and others were at work: whether these could still end "
            "that was not looked up (a thread that did not stand still for it, or too large a heap)",
            (unsigned long long)seen->waits_unknown, many(seen->waits_unknown));
    const struct trace_process *facts = &process->trace->process;
    if (facts->full & TRACE_FULL_SLOWED)
        sentences_add(
            out,
            "threads waited %.1f s in all for the analysis to keep up (max_disk, when_full=slow)",
            (double)facts->waited_ns / 1e9);
    free(sync);
    free(access);
}

static void say_lost(struct sentences *out, const struct trace *trace)
{
    const struct trace_process *facts = &trace->process;
    const struct {
        uint64_t count;
        const char *what;
    } losses[] = {
        {facts->lost_sync, "synchronisation record"},
        {facts->lost_access, "access record"},
        {facts->lost_tasks, "task"},
        {facts->lost_objects, "object"},
        {facts->lost_stacks, "call stack"},
    };
    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
        if (losses[i].count)
            sentences_add(out, "lost: %llu %s%s%s%s", (unsigned long long)losses[i].count,
                          losses[i].what, many(losses[i].count), facts->lost_errno ? ": " : "",
                          facts->lost_errno ? strerror((int)facts->lost_errno) : "");
    if (facts->full & TRACE_FULL_DROPPED)
        sentences_add(out, "the trace came to max_disk: from then on accesses were not recorded");
    else if (facts->full & TRACE_FULL_SAMPLED)
        sentences_add(
            out, "the trace came to max_disk: accesses were left out for a while, races of that "
                 "time were not seen (when_full=sample)");
    for (uint32_t i = 0; i < trace->problem_count && i < 8; i++)
        sentences_add(out, "damaged: %s at offset %llu: %s", trace->problems[i].file,
                      (unsigned long long)trace->problems[i].offset, trace->problems[i].text);
    if (trace->problem_count > 8)
        sentences_add(out, "damaged: %u more places", trace->problem_count - 8);
}

static void say_unseen(struct sentences *out, const struct trace *trace)
{
    enum trace_end end = (enum trace_end)trace->process.end;
    if (coverage_stopped(trace))
        sentences_add(
            out,
            "recording stopped before the end (%s): what the tasks did then is not known, and "
            "none is reported as blocked or not joined",
            trace->process.off_reason[0] ? trace->process.off_reason : "no reason is known");
    else if (end != TRACE_END_EXIT && end != TRACE_END_QUICK)
        sentences_add(
            out, "tasks that were not joined are not reported: the program did not end itself by "
                 "exit");
    if (trace->process.flags & TRACE_PROCESS_IO_URING)
        sentences_add(
            out,
            "io_uring was used and is not observed: what goes through it orders nothing here, so that "
            "a race between tasks that hand over by it may be none, and who waits for it is not "
            "known");
    if (trace->process.flags & TRACE_PROCESS_GO_PARTLY)
        sentences_add(
            out,
            "this libgo is not one that is known: who could still end a goroutine's wait was not looked "
            "up, nor who was at work when the program ended, nor what a panic was given");
    uint32_t foreign = 0;
    for (uint32_t i = 1; i < trace->task_count; i++)
        foreign += trace->tasks[i].state && trace->tasks[i].flags & TRACE_TASK_FOREIGN;
    if (foreign)
        sentences_add(
            out, "%u task%s made in a way that is not intercepted: what was before %s is not known",
            foreign, foreign == 1 ? " was" : "s were", foreign == 1 ? "it" : "them");
}

bool coverage_stopped(const struct trace *trace)
{
    return trace->process.end == TRACE_END_OFF || trace->process.off_reason[0];
}

bool coverage_lost(const struct trace *trace)
{
    const struct trace_process *facts = &trace->process;
    return coverage_stopped(trace) || facts->lost_sync || facts->lost_access || facts->lost_tasks ||
           facts->lost_objects || facts->lost_stacks || trace->problem_count ||
           facts->full & (TRACE_FULL_SAMPLED | TRACE_FULL_DROPPED);
}

bool coverage_whole(const struct report_process *process)
{
    if (coverage_lost(process->trace) || process->coverage.history_dropped ||
        process->coverage.history_crowded || process->coverage.woken ||
        process->coverage.waits_unknown ||
        process->trace->process.flags & (TRACE_PROCESS_IO_URING | TRACE_PROCESS_GO_PARTLY))
        return false;
    /* A child that was killed is no rare sight; what it did until then is all there is to know. */
    return process->trace->process.end != TRACE_END_NONE || process->ended_by_us ||
           (process->child && !process->trace->live);
}

struct sentences coverage_sentences(const struct report *report,
                                    const struct report_process *process)
{
    struct sentences out = {0};
    say_end(&out, report, process);
    say_seen(&out, process);
    coverage_modules(&out, process->trace, report->options->verbosity);
    say_unseen(&out, process->trace);
    say_lost(&out, process->trace);
    return out;
}

char *coverage_short(const struct report_process *process)
{
    const struct coverage *seen = &process->coverage;
    bool accesses = false;
    for (uint32_t i = 0; i < process->trace->module_count; i++)
        accesses |= trace_module_recorded(&process->trace->modules[i]);
    return memory_format("%llu task%s, %llu object%s, %llu synchronisation call%s; %s",
                         (unsigned long long)seen->tasks, many(seen->tasks),
                         (unsigned long long)seen->objects, many(seen->objects),
                         (unsigned long long)process->trace->process.events,
                         many(process->trace->process.events),
                         accesses ? "memory accesses were recorded"
                                  : "no memory accesses: data races could not be seen");
}
