/*
 * Lines of source files, where they are at hand: for people to see, and as a witness of how an
 * access was written.
 */
#ifndef ANALYZER_SOURCE_H
#define ANALYZER_SOURCE_H

#include <stdbool.h>

/* Line `number` of the file without the white space around it, to be freed; NULL if it cannot be
 * had. A path that was cut with `prefix` (may be NULL) is looked for behind that too. */
char *source_line(const char *path, int number, const char *prefix);

/* Whether the line accesses `name` (NULL: whatever it accesses) as C and C++ access a plain object:
 * by its name, and nothing stands there that could make more of it (a macro, a call, a cast to
 * volatile, an address taken, assembly). True is certain as far as names are; false says nothing. */
bool source_plain(const char *line, const char *name);

/* Whether line `number` may belong to a statement that a directive of OpenMP makes atomic: it does not say so itself. */
bool source_in_atomic(const char *path, int number, const char *prefix);

#endif
