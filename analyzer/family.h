/* A program and all its descendants: started, waited for, ended. One family at a time. */
#ifndef ANALYZER_FAMILY_H
#define ANALYZER_FAMILY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct family {
    pid_t pid;       /* the program itself */
    int status;      /* as wait() tells it */
    int start_error; /* errno of exec, 0 if it started */
    bool timed_out;
    uint64_t end_tsc, end_ns; /* when it had ended or was killed: a trace does not always say */
    unsigned left;            /* descendants that still run */
};

/* Starts the program, waits until it has ended (then a little for its descendants) or until
 * `timeout` seconds (0: none) are over: then all of them are killed. Signals that reach us
 * meanwhile are the program's. */
struct family family_run(const char *path, char *const *argv, double timeout);
/* Exit status as a shell tells it. */
int family_status(const struct family *family);

#endif
