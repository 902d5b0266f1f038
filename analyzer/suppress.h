/*
 * Suppressions in ThreadSanitizer's syntax: lines `kind:pattern`, `#` comments. Kinds: ours (race,
 * deadlock, blocked, unjoined, misuse) and ThreadSanitizer's race_top, thread (unjoined), mutex
 * (misuse), signal and called_from_lib. In a pattern `*` is any text, `^` and `$` bind it to begin
 * and end; it is looked for in function, file, module and object.
 */
#ifndef ANALYZER_SUPPRESS_H
#define ANALYZER_SUPPRESS_H

#include "analyzer/finding.h"

struct suppression {
    char *text; /* the line: "race:foo" */
    const char *pattern;
    int line;
    uint32_t kinds;    /* bits of enum finding_kind */
    bool top, library; /* race_top; called_from_lib */
    uint64_t hits;
};

struct suppressions {
    char *file;
    struct suppression *items;
    uint32_t count, capacity;
};

/* False with *error ("FILE:LINE: what") if the file cannot be read or a line makes no sense. */
bool suppressions_read(struct suppressions *suppressions, const char *path, char **error);
/* Counts the hit of the first line that fits. */
bool suppressions_match(struct suppressions *suppressions, const struct finding *finding);
void suppressions_free(struct suppressions *suppressions);
bool suppress_pattern(const char *pattern, const char *text);

#endif
