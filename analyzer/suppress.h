/*
 * Suppressions in ThreadSanitizer's syntax: lines `kind:pattern`, `#` comments. Kinds: ours (race,
 * deadlock, blocked, unjoined, misuse) and ThreadSanitizer's race_top, thread (unjoined), mutex
 * (misuse), signal and called_from_lib. What is said of a goroutine, whatever kind it is of, can be left out by
 * goroutine (a function on any of its stacks), goroutine_top (the function in which it waits, as in goleak's
 * IgnoreTopFunction), goroutine_created (the function, or file:line, of its go statement). In a pattern `*` is any text, `^` and `$` bind it to begin
 * and end; it is looked for in function, file, module and object.
 */
#ifndef ANALYZER_SUPPRESS_H
#define ANALYZER_SUPPRESS_H

#include "analyzer/finding.h"

struct suppression {
    char *text; /* the line: "race:foo" */
    const char *pattern;
    int line;       /* in its file; 0: of an option */
    uint32_t kinds; /* bits of enum finding_kind */
    enum suppress_where {
        SUPPRESS_ANYWHERE,
        SUPPRESS_TOP,     /* race_top: innermost frames of accesses */
        SUPPRESS_LIBRARY, /* called_from_lib: modules of innermost frames */
        SUPPRESS_GO_ANY,
        SUPPRESS_GO_TOP,
        SUPPRESS_GO_CREATED,
        SUPPRESS_GO_CURRENT, /* made before the program's main or the first test began */
    } where;
    uint64_t hits;
};

struct suppressions {
    char *file;
    struct suppression *items;
    uint32_t count, capacity;
};

/* False with *error ("FILE:LINE: what") if the file cannot be read or a line makes no sense. */
bool suppressions_read(struct suppressions *suppressions, const char *path, char **error);
/* The options go_ignore_...: `patterns` with commas between them; `key` names them. */
void suppressions_option(struct suppressions *suppressions, const char *key,
                         enum suppress_where where, const char *patterns);
/* As suppressions_match, for lines about goroutines. Findings are tried before they are folded together: those of one
 * place of waiting may have been made in several. */
bool suppressions_goroutine(struct suppressions *suppressions, const struct finding *finding);
/* Counts the hit of the first line that fits. */
bool suppressions_match(struct suppressions *suppressions, const struct finding *finding);
void suppressions_free(struct suppressions *suppressions);
bool suppress_pattern(const char *pattern, const char *text);

#endif
