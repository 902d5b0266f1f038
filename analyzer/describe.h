/*
 * Tasks, objects and moments as reports name them: one wording for all detectors. Every result is a
 * new string that the caller frees.
 */
#ifndef ANALYZER_DESCRIBE_H
#define ANALYZER_DESCRIBE_H

#include "analyzer/analysis.h"

/* "main task", "task 3 'worker'" */
char *describe_task(const struct analysis *analysis, uint32_t task);
/* "worker", "main", "task-3": one word */
char *describe_task_word(const struct analysis *analysis, uint32_t task);
/* Function the task was started with, or NULL. */
char *describe_entry(const struct analysis *analysis, uint32_t task);
/* "mutex 'queue.lock'", "semaphore at 0x7f12 (object 4)" */
char *describe_object(const struct analysis *analysis, uint32_t object);
/* "queue.lock", or its kind: "condition-variable" */
char *describe_object_word(const struct analysis *analysis, uint32_t object);
/* A text that the recorder put into `stacks`, or NULL. */
char *describe_text(const struct trace *trace, uint32_t id);
/* "global 'queue' of size 80 defined at a.c:7 (app)", or NULL */
char *describe_location(const struct analysis *analysis, uint64_t address);
/* Says where an object came to life, if it has no name: adds a PART_LOCATION. */
void describe_origin(const struct analysis *analysis, struct finding *finding, uint32_t object);
/* "waiting to lock mutex 'a'", "running", "ended by return": what the task does at the end of the
 * trace. */
char *describe_state(const struct analysis *analysis, uint32_t task);
/* "mutex 'a', rwlock 'b' (for reading)", or NULL if it holds nothing */
char *describe_held(const struct analysis *analysis, uint32_t task);
/* "1.20 s", "35 ms": a time span */
char *describe_span(uint64_t ns);
/* Ticks of the time-stamp counter between two moments as a time span. */
char *describe_between(const struct analysis *analysis, uint64_t from_tsc, uint64_t to_tsc);
/* "for 1.2 s", or "for at least 1.2 s" where the end of the record is not known. */
char *describe_since(const struct analysis *analysis, uint64_t since_tsc);
/* The moment at which the record ends. */
uint64_t describe_end_tsc(const struct trace *trace);

#endif
