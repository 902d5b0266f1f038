/*
 * What the parts of detect_blocked share: the state of one detection, and the paragraphs that findings about blocked tasks
 * are made of. blocked_go.c has the causes that only goroutines know.
 */
#ifndef ANALYZER_BLOCKED_H
#define ANALYZER_BLOCKED_H

#include "analyzer/analysis.h"
#include "analyzer/wait.h"

struct blocked {
    struct analysis *analysis;
    struct wait_graph *graph;
    bool *cyclic;                      /* [task_count]: in a cycle that was reported */
    enum finding_certainty *certainty; /* [task_count]: of what was said of the task */
    bool *done;
};

/* A finding about the blocked task `id`, with the part that says how it waits. */
struct finding *blocked_finding(const struct blocked *blocked, uint32_t id, const char *rule);
void blocked_wait(const struct blocked *blocked, struct finding *finding, uint32_t id);
void blocked_created(const struct blocked *blocked, struct finding *finding, uint32_t id);
/* `text` is taken over. */
void blocked_event(const struct blocked *blocked, struct finding *finding, uint32_t task,
                   uint32_t stack, char *text);
/* The object that the finding is about: name, where it is, where it came from. */
void blocked_object(const struct blocked *blocked, struct finding *finding, uint32_t object);
void blocked_capital(char *text);

/* Why a goroutine waits for ever on a channel, a wait group, a condition or nothing; NULL: it is no such wait. */
struct finding *blocked_go_cause(const struct blocked *blocked, uint32_t id);
/* The same for other tasks, on channels, wait groups and pool tasks that the program tells of (gorocheck.h). */
struct finding *blocked_note_cause(const struct blocked *blocked, uint32_t id);
/* "capacity 2, 1 in it, 5 sent, 4 received" */
char *blocked_channel_facts(const struct trace_object *object);
/* How many goroutines wait of which it is not known whether one that goes on can end that. */
uint64_t blocked_go_unknown(const struct blocked *blocked);
/* Waits of goroutines that are by design (docs/policies.md). */
bool blocked_go_idle(const struct blocked *blocked, uint32_t id);

#endif
