/*
 * The tasks at the end of a trace, as people want to see them: what each does, since when, held up
 * by whom. `status` prints it of a live program, a report of one that hung.
 */
#ifndef ANALYZER_ROSTER_H
#define ANALYZER_ROSTER_H

#include "analyzer/analysis.h"

struct roster_line {
    uint32_t task;  /* the first one */
    uint32_t count; /* tasks of which all but the id is alike */
    char *name;
    char *state;
    char *since; /* NULL if it does not wait */
    char *place; /* "a.c:14 in worker", NULL if unknown */
    char *held;  /* what it holds, or NULL */
    char *by;    /* whom it waits for, or NULL */
    bool stuck;  /* no task is left that could end its wait */
};

struct roster {
    struct roster_line *lines;
    uint32_t count;
    uint32_t ended; /* tasks that have ended: not listed */
};

/* `now_tsc`: the moment that "since" is counted to. */
struct roster roster_make(const struct analysis *analysis, uint64_t now_tsc);
void roster_free(struct roster *roster);

#endif
