/*
 * What detectors make and reporters print: a finding is a kind, a certainty, a few sentences and a
 * list of parts (call stacks with a role). Detectors know nothing of formats; reporters know
 * nothing of traces.
 */
#ifndef ANALYZER_FINDING_H
#define ANALYZER_FINDING_H

#include <stdbool.h>
#include <stdint.h>

#define FINDING_KINDS(X)                          \
    X(RACE, "race", "data race")                  \
    X(DEADLOCK, "deadlock", "deadlock")           \
    X(BLOCKED, "blocked", "task blocked forever") \
    X(LEAK, "leak", "task left behind")           \
    X(ENDING, "ending", "untimely end")           \
    X(UNJOINED, "unjoined", "task never joined")  \
    X(MISUSE, "misuse", "misuse of a primitive")

enum finding_kind {
#define X(name, word, title) FINDING_##name,
    FINDING_KINDS(X)
#undef X
        FINDING_KIND_COUNT
};

enum finding_certainty { FINDING_PROVED, FINDING_PREDICTED, FINDING_SUSPECTED };

struct frame {
    uint64_t pc;
    char *function; /* NULL if unknown */
    char *file;     /* source path as in the debug information, NULL if unknown */
    int line, column;
    char *module; /* path of the object file, NULL if unknown */
    uint64_t module_offset;
    bool inlined; /* this frame is an inline expansion within the next one */
    bool own;     /* code of the program or its own libraries, not of the system's */
};

struct stack {
    struct frame *frames; /* innermost first */
    uint32_t count;
};

/* A part is one paragraph with a call stack: "Write of size 4 at 0x... by task 3 'worker' (holding
 * mutex 2):" */
enum part_role {
    PART_ACCESS,    /* one side of a race: there are two, the later first */
    PART_LOCATION,  /* where the object came to life */
    PART_TASK,      /* where a task was created */
    PART_WAIT,      /* where a task waits */
    PART_HOLD,      /* where something it holds was acquired */
    PART_EVENT,     /* something else that happened: the destroy, the lost signal... */
    PART_EXPLAINED, /* another race that this finding may explain */
    PART_ALSO,      /* another race on the same word */
};

struct part {
    enum part_role role;
    char *text; /* one sentence without the final colon */
    uint32_t task;
    struct stack stack; /* may be empty */
};

/* Of goroutines that were still there at the end, made at one place: how many there were at some moments. */
#define FINDING_MOMENTS 8u
struct finding_moment {
    double seconds; /* since the start of the program */
    uint32_t alive;
};

struct finding {
    enum finding_kind kind;
    enum finding_certainty certainty;
    const char *rule; /* static, stable, kebab-case: "free-race", "wait-cycle"... */
    char *summary;    /* one sentence: what is wrong */
    char *why;        /* why it is so sure, or what would settle it; may be NULL */
    char *evidence;   /* of a race of machine code: what shows that it is one; may be NULL */
    char *doubt;      /* ... and what it lacks to be proved; may be NULL */
    char *advice;     /* what usually cures it; may be NULL */
    char *object;     /* name of variable, lock, task: one word if possible; may be NULL */
    char *location;   /* of the object: "global 'counter' of size 4 defined in ..."; may be NULL */
    char *test;     /* Go's tests that its goroutines belong to: "TestA, TestB/sub"; may be NULL */
    bool goroutine; /* it is about goroutines */
    struct finding_moment growth[FINDING_MOMENTS];
    uint32_t growth_count; /* 0: the place is not known to make more and more */
    struct part *parts;
    uint32_t part_count;
    uint32_t count; /* how many alike were folded into this one */
    uint64_t fingerprint;
    uint32_t order; /* order of discovery, for stable output */
};

struct finding_list {
    struct finding **items; /* owned */
    uint32_t count, capacity;
    uint32_t suppressed;
};

struct finding *finding_new(enum finding_kind kind, enum finding_certainty certainty,
                            const char *rule);
/* The text arguments take printf formats; memory is owned by the finding. */
void finding_set(char **member, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds a part; takes over the stack's memory. Returns it so that text can be set with
 * finding_set(&part->text, ...). */
struct part *finding_part(struct finding *finding, enum part_role role, uint32_t task,
                          struct stack stack);
/* Computes the fingerprint, folds the finding into an equal one of the list (raising its count) or
 * appends it. Takes ownership. */
void finding_add(struct finding_list *list, struct finding *finding);
void finding_list_free(struct finding_list *list);
void finding_free(struct finding *finding);
/* Same kind, rule, object and lines: two instances of one finding. Fingerprints must have been
 * computed. */
bool finding_alike(const struct finding *a, const struct finding *b);
/* Where the finding is: the site of each part that says so (accesses, waits...), sorted by file and
 * line. */
#define FINDING_SITES_MAX 64u
uint32_t finding_sites(const struct finding *finding, const struct frame **sites, uint32_t max);
const char *finding_kind_word(enum finding_kind kind);  /* "race" */
const char *finding_kind_title(enum finding_kind kind); /* "data race" */
const char *finding_certainty_word(enum finding_certainty certainty);
const char *frame_file(
    const struct frame *frame); /* last part of its file's, else of its module's path */
char *frame_place(const struct frame *frame); /* "a.c:14", "libfoo.so+0x12"; to be freed */
/* Innermost own frame of a stack, else its innermost, else NULL. */
const struct frame *stack_site(const struct stack *stack);

#endif
