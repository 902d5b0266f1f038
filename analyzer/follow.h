/*
 * A trace that is read while it is written. The trace is as it was at one moment, follow_advance
 * moves that moment on: first the access streams, then the synchronisation, then the tables, so
 * that what is read later tells at least what orders that which was read before.
 */
#ifndef ANALYZER_FOLLOW_H
#define ANALYZER_FOLLOW_H

#include "analyzer/trace.h"

struct follow {
    struct trace *trace;
    int directory;
    struct trace_process *process; /* as the recorder has it, shared; NULL if it cannot be mapped */
    uint64_t *access_seen, *sync_seen; /* [seen_count] window headers as they were mapped last */
    uint32_t seen_count;
    uint64_t *access_gone, *sync_gone; /* [seen_count] how much of a file was given back */
    bool keeps;                        /* nothing can be, or is to be, given back */
};

/* NULL with *error if `path` is no trace. */
struct follow *follow_open(const char *path, bool keep, char **error);
void follow_advance(struct follow *follow);
/* The process has ended: reads the rest. */
void follow_finish(struct follow *follow);
/* Gives back the disk space of a stream's file before `offset`. */
void follow_give_back(struct follow *follow, enum trace_file_kind kind, uint32_t stream,
                      uint64_t offset);
/* What is left belongs to the caller. */
struct trace *follow_close(struct follow *follow);

#endif
