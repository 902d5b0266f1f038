/*
 * The `line` format: one line a finding, made of words: kind, the sites sorted, the object, the
 * certainty. For scripts, editors and our own test programs.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/report.h"

/* A name of several words (a C++ template) becomes one. */
static void write_word(const char *text, FILE *out)
{
    for (; *text; text++)
        putc(*text == ' ' || *text == '\t' || *text == '\n' ? '-' : *text, out);
}

static void write_finding(const struct finding *finding, FILE *out)
{
    const struct frame *sites[FINDING_SITES_MAX];
    uint32_t count = finding_sites(finding, sites, FINDING_SITES_MAX);
    const char *object = finding->kind == FINDING_MISUSE ? finding->rule : finding->object;
    fputs(finding_kind_word(finding->kind), out);
    for (uint32_t i = 0; i < count; i++) {
        char *place = frame_place(sites[i]);
        putc(' ', out);
        write_word(place, out);
        free(place);
    }
    if (object) {
        putc(' ', out);
        write_word(object, out);
    }
    fprintf(out, " [%s]", finding_certainty_word(finding->certainty));
    uint32_t explained = 0;
    for (uint32_t i = 0; i < finding->part_count; i++)
        explained += finding->parts[i].role == PART_EXPLAINED;
    if (finding->evidence)
        fprintf(out, " (%s)", finding->evidence);
    if (finding->growth_count)
        fprintf(out, " (growing to %u)", finding->growth[finding->growth_count - 1].alive);
    if (finding->test)
        fprintf(out, " (in %s)", finding->test);
    if (explained)
        fprintf(out, " (%s: may order %u more)", finding->rule, explained);
    putc('\n', out);
}

void report_line(const struct report *report, FILE *out)
{
    for (uint32_t i = 0; i < report->item_count; i++)
        write_finding(report->items[i].finding, out);
}
