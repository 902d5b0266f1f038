/*
 * What `run` and `analyze` do alike: set a report up from the options, write it where it belongs,
 * whole or not at all.
 */
#ifndef ANALYZER_SESSION_H
#define ANALYZER_SESSION_H

#include "analyzer/report.h"

/* Reads the suppressions; false after a message (a usage error). */
bool session_begin(struct report *report, const struct options *options);
/* Writes to --output, else to log_path.<pid>, else to `otherwise`; false after a message. */
bool session_write(struct report *report, FILE *otherwise, unsigned pid);
/* Says where the trace was left: at the end of the report if that is in a file of log_path, else on stderr. */
void session_kept(const struct options *options, unsigned pid, const char *trace);
/* Removes a trace: the files that are ours, and the folder if nothing else is in it. */
void session_remove(const char *path);
/* One line on stderr: "gorocheck: ..." */
void session_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Is there such a folder? If not, says so. */
bool session_folder(const char *path);

#endif
