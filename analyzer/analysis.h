/*
 * One analysis of one trace: what detectors read and where they put their findings. Detectors are a table
 * (analysis.c): each sees the whole trace once and adds findings; none knows another.
 */
#ifndef ANALYZER_ANALYSIS_H
#define ANALYZER_ANALYSIS_H

#include "analyzer/finding.h"
#include "analyzer/symbols.h"
#include "analyzer/trace.h"

struct order; /* analyzer/order.h */
struct progress;

struct analysis_options {
    unsigned jobs; /* worker threads; 0: all cores */
    uint64_t
        memory_limit; /* bytes the race detector may use for its histories; 0: half of what the machine has */
    bool progress; /* a bar on stderr when it takes long and stderr is a terminal */
    const char *strip_path_prefix;
    int ended_by_timeout; /* seconds after which `run` ended the program; 0: it was not */
};

/* What was and was not seen: filled by the detectors and the loader, printed below every report. */
struct coverage {
    uint64_t access_records; /* LINE and RANGE records, runs counted as their lines */
    uint64_t access_bytes;   /* of the access streams */
    uint64_t sync_records;
    uint64_t sync_bytes;
    uint64_t edges;
    uint64_t tasks, objects;
    uint64_t lines; /* distinct 64-byte lines checked */
    uint64_t
        history_dropped; /* accesses the memory limit made us forget: races with them may be missed */
    uint64_t history_crowded; /* ... and a line with more sites and segments than are kept of one */
    uint64_t
        woken; /* tasks that went on without another one's doing, after what was before had been forgotten (cut.h) */
    uint64_t
        atomic_races; /* pairs of sites that are no finding: the words are taken to be atomic */
    uint64_t ignored_races; /* racing accesses to bytes that the program told us to ignore */
    uint64_t copy_races; /* racing accesses of which one is a compiler's copy (evidence_is_copy) */
    uint64_t
        waits_unknown; /* goroutines that wait, of which it is not known whether that can end */
    double race_seconds;
};

struct analysis {
    struct trace *trace; /* detectors add problems they meet in its streams */
    struct symbols *symbols;
    struct order *order;
    const struct analysis_options *options;
    struct finding_list findings; /* analysis_add() */
    struct suppressions
        *suppressions; /* those of goroutines, which findings are not folded over; may be NULL */
    uint32_t suppressed;
    struct coverage coverage;
    struct digest
        *digest;    /* the races were looked for while the program ran; NULL: they were not */
    bool *reported; /* [task_count]: that this task does not go on is a finding already */
};

struct detector {
    const char *name;
    void (*run)(struct analysis *analysis);
};

/* Adds a finding: says which tests its tasks belong to, leaves it out if its goroutine is not to be reported. */
void analysis_add(struct analysis *analysis, struct finding *finding);

/* The recorder gave up before the end: the tables tell of that moment, not of the end. (coverage.c) */
bool coverage_stopped(const struct trace *trace);

void detect_race(struct analysis *analysis);
void detect_lock_order(struct analysis *analysis);
void detect_blocked(
    struct analysis *analysis); /* deadlocks that happened, and tasks blocked forever */
void detect_ending(struct analysis *analysis); /* of a Go program: panics, work cut short */
void detect_growth(struct analysis *analysis); /* of goroutines */
void detect_unjoined(struct analysis *analysis);
void detect_misuse(struct analysis *analysis);

#endif
