/*
 * Analysis while the program runs: a thread of `gorocheck run` follows the traces that have grown
 * large, checks what there is, and gives its disk space back. What is left at the end is checked
 * then, and the report is made as of any trace.
 *
 * One at a time; digests_find belongs to the thread that called digests_stop.
 */
#ifndef ANALYZER_DIGEST_H
#define ANALYZER_DIGEST_H

#include "analyzer/analysis.h"

struct digest;
struct digests;

struct digest_options {
    const char *folder; /* where the traces are */
    bool (*is_trace)(const void *data, const char *name);
    const void *data;
    uint64_t from;     /* bytes: smaller traces are left for the end; 0: all are */
    bool keep;         /* nothing is given back */
    uint64_t patience; /* ns: see cut.h */
    unsigned jobs;
    uint64_t memory_limit;
};

struct digests *digests_start(const struct digest_options *options);
/* The program has ended: from here on only digests_find. */
void digests_stop(struct digests *digests);
void digests_free(struct digests *digests);
/* The digest of a trace, NULL if it was not followed. */
struct digest *digests_find(struct digests *digests, const char *path);

/* One digest alone; NULL if there is no trace to be read. */
struct digest *digest_open(const char *path, const struct digest_options *options);
void digest_free(struct digest *digest);
/* Reads what there is by now, and checks what can be checked of it. */
void digest_round(struct digest *digest);

/* Reads and checks the rest of the trace. The order is the digest's, the trace the caller's. */
struct trace *digest_finish(struct digest *digest);
struct order *digest_order(struct digest *digest);
/* Adds the races to the analysis of that trace. */
void digest_report(struct digest *digest, struct analysis *analysis);

#endif
