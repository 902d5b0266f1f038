/*
 * A report: the findings of one or several processes, what was seen of each, and the formats it can
 * be written in (a table of reporters; a new format is a file and a row). Reporters only read.
 */
#ifndef ANALYZER_REPORT_H
#define ANALYZER_REPORT_H

#include <stdio.h>

#include "analyzer/analysis.h"
#include "analyzer/options.h"
#include "analyzer/roster.h"
#include "analyzer/suppress.h"

#define STATUS_CLEAN    0
#define STATUS_USAGE    2
#define STATUS_FAILURE  3 /* our own, or a trace that cannot be trusted */
#define STATUS_NOTHING  4 /* nothing was observed */
#define STATUS_FINDINGS 66

struct report_process {
    struct trace *trace;
    struct coverage coverage;
    struct roster roster;
    char *name;    /* of the program: last part of its path */
    bool child;    /* of the process that was to be observed */
    bool observed; /* anything at all was seen */
    bool ended_by_us;
};

struct report_item {
    struct finding *finding; /* owned */
    uint32_t process;        /* the first in which it was found */
    uint32_t processes;      /* in how many */
};

/* What `run` knows of the end of its program, if the trace does not say. */
struct report_end {
    uint32_t pid; /* 0: nothing is known */
    int status;   /* as wait() tells it */
    uint64_t tsc, ns;
};

struct report {
    const struct options *options;
    struct report_process *processes;
    uint32_t process_count, process_capacity;
    struct report_item *items;
    uint32_t item_count, item_capacity;
    struct suppressions suppressions;
    uint32_t suppressed;
    double timeout; /* seconds after which `run` ended the program; 0: it was not */
    struct report_end end;
    struct digests *digests; /* traces that were analyzed while the program ran; NULL: none */
    bool unreadable;         /* some trace could not be read at all */
    bool whole;              /* nothing was lost of what is reported, as far as is known */
    char *nothing;           /* why nothing was observed, or NULL */
    char *blind;             /* why nothing was observed of some process, or NULL */
    char **notes;            /* what else must be said */
    uint32_t note_count;
    int status; /* exit status that follows */
    bool colored;
};

struct reporter {
    const char *name;
    void (*write)(const struct report *report, FILE *out);
};

extern const struct reporter reporters[];
const struct reporter *reporter_find(const char *name);
void report_text(const struct report *report, FILE *out);
void report_line(const struct report *report, FILE *out);
void report_json(const struct report *report, FILE *out);
/* The coverage statement of the text report; other formats leave it to stderr. Short: at the end of
 * a clean program. */
void report_coverage(const struct report *report, FILE *out);
void report_short(const struct report *report, FILE *out);

void report_note(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void report_free(struct report *report);

/* ---- analysis.c ---- */

/* Opens, analyses and adds one trace; false with *error if it is none. If report->end names a
 * process, others are its children. */
bool report_trace(struct report *report, const char *path, char **error);
/* Sets the exit status that follows from all that was found; `own` is the program's (0 if there is
 * none). */
void report_finish(struct report *report, int own);

/* ---- patch_names.c ---- */

/* Notes the names in patch= for which no process had a module. */
void report_patch_names(struct report *report);

/* ---- coverage.c: what was seen, in sentences ---- */

struct sentences {
    char **lines;
    uint32_t count, capacity;
};
/* How the process ended, what was recorded, what could not be seen, what was lost. */
struct sentences coverage_sentences(const struct report *report,
                                    const struct report_process *process);
void sentences_add(struct sentences *sentences, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sentences_free(struct sentences *sentences);
/* coverage_modules.c: in which modules memory accesses were recorded, in which not, and why. */
void coverage_modules(struct sentences *out, const struct trace *trace, int verbosity);
char *coverage_short(const struct report_process *process); /* the same in half a line */
bool coverage_lost(const struct trace *trace);
/* Is what was recorded all that happened up to a known end? */
bool coverage_whole(const struct report_process *process);

#endif
