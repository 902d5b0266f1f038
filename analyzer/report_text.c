/*
 * The text report. It keeps ThreadSanitizer's skeleton (the line of '=', WARNING, parts with call
 * stacks, SUMMARY), so that editors, CTest and people who know that one can read this one; then
 * come the tasks at the end, if the program hung, and the coverage statement.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/report.h"
#include "analyzer/source.h"
#include "analyzer/symbols.h"

#define RULE         "=================="
#define FOLDED_LEAST 3 /* frames */

enum paint { PAINT_NONE, PAINT_TITLE, PAINT_PART, PAINT_SOURCE, PAINT_DIM };

static const char *paint(const struct report *report, enum paint color)
{
    if (!report->colored)
        return "";
    switch (color) {
    case PAINT_NONE:
        return "\033[0m";
    case PAINT_TITLE:
        return "\033[1;31m";
    case PAINT_PART:
        return "\033[1m";
    case PAINT_SOURCE:
        return "\033[36m";
    case PAINT_DIM:
        break;
    }
    return "\033[2m";
}

/* ---- source lines ---- */

/* One line of source below the frame that matters, if the file is there. */
static void write_source(const struct report *report, const struct frame *frame, FILE *out)
{
    char *line = frame->file
                     ? source_line(frame->file, frame->line, report->options->strip_path_prefix)
                     : NULL;
    if (line && *line)
        fprintf(out, "       %s%6d | %s%s\n", paint(report, PAINT_SOURCE), frame->line, line,
                paint(report, PAINT_NONE));
    free(line);
}

/* ---- findings ---- */

static void write_frame(const struct frame *frame, uint32_t number, FILE *out)
{
    fprintf(out, "    #%u %s", number, frame->function ? frame->function : "<unknown>");
    if (frame->file && frame->line > 0)
        fprintf(out, " %s:%d", frame->file, frame->line);
    else if (frame->file)
        fprintf(out, " %s", frame->file);
    if (frame->module) {
        const char *slash = strrchr(frame->module, '/');
        fprintf(out, " (%s+0x%llx)", slash ? slash + 1 : frame->module,
                (unsigned long long)frame->module_offset);
    } else {
        fprintf(out, " (0x%llx)", (unsigned long long)frame->pc);
    }
    fputs(frame->inlined ? " [inlined]\n" : "\n", out);
}

/* Detectors write sentences with and without their full stop. */
static void write_sentence(const char *before, const char *text, const char *after, FILE *out)
{
    size_t length = strlen(text);
    while (length && text[length - 1] == '.')
        length--;
    if (!*before && length && islower((unsigned char)*text))
        fprintf(out, "  %c%.*s%s", toupper((unsigned char)*text), (int)length - 1, text + 1, after);
    else
        fprintf(out, "  %s%.*s%s", before, (int)length, text, after);
}

/* How many frames from here on are of headers of the system or of the language: templates call each other ten deep. */
static uint32_t library_run(const struct stack *stack, uint32_t from)
{
    uint32_t i = from;
    while (i < stack->count && stack->frames[i].file && symbols_system_file(stack->frames[i].file))
        i++;
    return i - from;
}

static void write_part(const struct report *report, const struct part *part, FILE *out)
{
    const struct frame *site = stack_site(&part->stack);
    fputs(paint(report, PAINT_PART), out);
    write_sentence("", part->text ? part->text : "At", part->stack.count ? ":" : ".", out);
    fprintf(out, "%s\n", paint(report, PAINT_NONE));
    for (uint32_t i = 0; i < part->stack.count; i++) {
        uint32_t folded = i ? library_run(&part->stack, i) : 0;
        if (folded >= FOLDED_LEAST) {
            fprintf(out, "    #%u-#%u %u frames of headers of the system\n", i, i + folded - 1,
                    folded);
            i += folded - 1;
            continue;
        }
        write_frame(&part->stack.frames[i], i, out);
        if (&part->stack.frames[i] == site && site->own)
            write_source(report, site, out);
    }
    putc('\n', out);
}

/* Where to look first: the access that is told first, unless it is not in the program's own code and the other one is. */
static const struct frame *summary_site(const struct finding *finding, const struct frame *site)
{
    const struct frame *first = NULL;
    for (uint32_t i = 0; i < finding->part_count && finding->kind == FINDING_RACE; i++) {
        const struct part *part = &finding->parts[i];
        if (part->role != PART_ACCESS || !part->stack.count)
            continue;
        const struct frame *frame = stack_site(&part->stack);
        if (!first || (frame->own && !first->own))
            first = frame;
    }
    return first ? first : site;
}

static void write_summary(const struct finding *finding, FILE *out)
{
    const struct frame *sites[FINDING_SITES_MAX];
    fprintf(out, "SUMMARY: gorocheck: %s", finding_kind_title(finding->kind));
    if (finding_sites(finding, sites, FINDING_SITES_MAX)) {
        const struct frame *site = summary_site(finding, sites[0]);
        if (site->file && site->line > 0)
            fprintf(out, " %s:%d", site->file, site->line);
        else if (site->module)
            fprintf(out, " (%s+0x%llx)", site->module, (unsigned long long)site->module_offset);
        if (site->function)
            fprintf(out, " in %s", site->function);
    }
    if (finding->object)
        fprintf(out, " (%s)", finding->object);
    putc('\n', out);
}

/* "12 after 0.10 s, 25 after 0.20 s" */
static void write_growth(const struct finding *finding, FILE *out)
{
    for (uint32_t i = 0; i < finding->growth_count; i++)
        fprintf(out, "%s%u after %.2f s%s", i ? ", " : "  Growth: of those alive at the end, ",
                finding->growth[i].alive, finding->growth[i].seconds,
                i + 1 == finding->growth_count ? ".\n" : "");
}

/* Of a block, the part with the stack that allocated it says where it lies. */
static bool location_told(const struct finding *finding)
{
    for (uint32_t i = 0; i < finding->part_count; i++)
        if (finding->kind == FINDING_RACE && finding->parts[i].role == PART_LOCATION)
            return true;
    return false;
}

static void write_finding(const struct report *report, const struct report_item *item, FILE *out)
{
    const struct finding *finding = item->finding;
    const struct report_process *process = &report->processes[item->process];
    fprintf(out, RULE "\n%sWARNING: gorocheck: %s (pid=%u)%s  [%s]\n", paint(report, PAINT_TITLE),
            finding_kind_title(finding->kind), process->trace->process.pid,
            paint(report, PAINT_NONE), finding_certainty_word(finding->certainty));
    if (finding->summary)
        write_sentence("", finding->summary, ".\n\n", out);
    for (uint32_t i = 0; i < finding->part_count; i++)
        write_part(report, &finding->parts[i], out);
    if (finding->location && !location_told(finding))
        write_sentence("Location is ", finding->location, ".\n\n", out);
    if (finding->why)
        write_sentence("Why: ", finding->why, ".\n", out);
    if (finding->evidence)
        write_sentence("Evidence: ", finding->evidence, ".\n", out);
    if (finding->doubt)
        write_sentence("Doubt: ", finding->doubt, ".\n", out);
    if (finding->advice)
        write_sentence("Cure: ", finding->advice, ".\n", out);
    if (finding->count > 1)
        fprintf(out, "  Seen: %u times.\n", finding->count);
    if (finding->test)
        fprintf(out, "  In test: %s.\n", finding->test);
    write_growth(finding, out);
    bool told = finding->why || finding->evidence || finding->doubt || finding->advice ||
                finding->count > 1 || finding->test || finding->growth_count;
    if (item->processes > 1)
        fprintf(out, "  In: %u processes, first in %s.\n", item->processes, process->name);
    else if (report->process_count > 1)
        fprintf(out, "  In: %s.\n", process->name);
    if (told || report->process_count > 1)
        putc('\n', out);
    write_summary(finding, out);
    fputs(RULE "\n", out);
}

/* ---- what was seen ---- */

static bool hung(const struct report *report, const struct report_process *process)
{
    enum trace_end end = (enum trace_end)process->trace->process.end;
    return end == TRACE_END_SIGNAL || end == TRACE_END_NONE || report->timeout > 0 ||
           report->options->verbosity >= 2;
}

static void write_roster(const struct report *report, const struct report_process *process,
                         FILE *out)
{
    const struct roster *roster = &process->roster;
    if (!hung(report, process) || !roster->count)
        return;
    fprintf(out, "%sTasks at the end of %s (pid %u)%s", paint(report, PAINT_PART), process->name,
            process->trace->process.pid, paint(report, PAINT_NONE));
    fprintf(out, roster->ended ? " (%u more had ended):\n" : ":\n", roster->ended);
    for (uint32_t i = 0; i < roster->count && i < 100; i++) {
        const struct roster_line *line = &roster->lines[i];
        fprintf(out, "  %s", line->name);
        if (line->count > 1)
            fprintf(out, " and %u alike", line->count - 1);
        fprintf(out, ": %s", line->state);
        if (line->since)
            fprintf(out, ", for %s", line->since);
        if (line->place)
            fprintf(out, ", at %s", line->place);
        if (line->by)
            fprintf(out, ", held by %s", line->by);
        if (line->held)
            fprintf(out, "; holds %s", line->held);
        fputs(line->stuck ? "; stuck\n" : "\n", out);
    }
    if (roster->count > 100)
        fprintf(out, "  and %u more\n", roster->count - 100);
}

static void write_process(const struct report *report, const struct report_process *process,
                          FILE *out)
{
    struct sentences sentences = coverage_sentences(report, process);
    fprintf(out, "gorocheck: %s (pid %u)\n", process->name, process->trace->process.pid);
    for (uint32_t i = 0; i < sentences.count; i++)
        fprintf(out, "  %s\n", sentences.lines[i]);
    sentences_free(&sentences);
}

static void write_suppressions(const struct report *report, FILE *out)
{
    for (uint32_t i = 0; i < report->suppressions.count; i++) {
        const struct suppression *item = &report->suppressions.items[i];
        char *where =
            item->line ? memory_format("%s:%d: ", report->suppressions.file, item->line) : NULL;
        if (item->hits)
            fprintf(out, "  %llu suppressed by %s%s\n", (unsigned long long)item->hits,
                    where ? where : "", item->text);
        else if (report->options->verbosity >= 1)
            fprintf(out, "  unused suppression %s%s\n", where ? where : "", item->text);
        free(where);
    }
}

static void write_counts(const struct report *report, FILE *out)
{
    uint32_t counts[FINDING_KIND_COUNT] = {0};
    for (uint32_t i = 0; i < report->item_count; i++)
        counts[report->items[i].finding->kind]++;
    if (report->item_count)
        fprintf(out, "gorocheck: %u finding%s", report->item_count,
                report->item_count == 1 ? "" : "s");
    else
        fputs(report->whole
                  ? "gorocheck: no findings"
                  : "gorocheck: no findings, but the record is not whole: this is not \"clean\"",
              out);
    const char *between = ": ";
    for (int kind = 0; kind < FINDING_KIND_COUNT; kind++) {
        if (!counts[kind])
            continue;
        fprintf(out, "%s%u %s", between, counts[kind], finding_kind_word((enum finding_kind)kind));
        between = ", ";
    }
    if (report->suppressed)
        fprintf(out, " (%u suppressed)", report->suppressed);
    putc('\n', out);
    write_suppressions(report, out);
}

static void write_notes(const struct report *report, FILE *out)
{
    for (uint32_t i = 0; i < report->note_count; i++)
        fprintf(out, "gorocheck: %s\n", report->notes[i]);
}

void report_coverage(const struct report *report, FILE *out)
{
    uint32_t quiet = 0;
    if (report->nothing)
        fprintf(out, "gorocheck: nothing was observed: %s\n", report->nothing);
    else
        write_counts(report, out);
    for (uint32_t i = 0; i < report->process_count; i++) {
        const struct report_process *process = &report->processes[i];
        if (process->coverage.tasks > 1 || report->process_count == 1 || !coverage_whole(process))
            write_process(report, process, out);
        else
            quiet++;
    }
    if (quiet)
        fprintf(out, "gorocheck: %u %sprocess%s had one task only\n", quiet,
                quiet < report->process_count ? "more " : "", quiet == 1 ? "" : "es");
    write_notes(report, out);
}

void report_short(const struct report *report, FILE *out)
{
    if (report->nothing)
        fprintf(out, "gorocheck: nothing was observed: %s\n", report->nothing);
    for (uint32_t i = 0; i < report->process_count && !report->nothing; i++) {
        const struct report_process *process = &report->processes[i];
        char *text = coverage_short(process);
        fprintf(out, "gorocheck: no findings in %s (pid %u): %s\n", process->name,
                process->trace->process.pid, text);
        free(text);
    }
    write_suppressions(report, out);
    write_notes(report, out);
}

void report_text(const struct report *report, FILE *out)
{
    for (uint32_t i = 0; i < report->item_count; i++)
        write_finding(report, &report->items[i], out);
    if (report->item_count)
        putc('\n', out);
    for (uint32_t i = 0; i < report->process_count; i++)
        write_roster(report, &report->processes[i], out);
    report_coverage(report, out);
}

const struct reporter reporters[] = {
    {"text", report_text}, {"line", report_line}, {"json", report_json}, {NULL, NULL}};

const struct reporter *reporter_find(const char *name)
{
    for (const struct reporter *reporter = reporters; reporter->name; reporter++)
        if (!strcmp(reporter->name, name))
            return reporter;
    return NULL;
}
