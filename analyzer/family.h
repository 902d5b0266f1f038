/* A program and all its descendants: started, waited for, ended. One family at a time. */
#ifndef ANALYZER_FAMILY_H
#define ANALYZER_FAMILY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct family {
    pid_t pid;                /* the program itself */
    int status;               /* as wait() tells it */
    int start_error;          /* errno of exec, 0 if it started */
    double killed;            /* after how many seconds we ended it, 0: it ended by itself */
    bool refused;             /* for it did not end when asked to, not for the time was over */
    uint64_t end_tsc, end_ns; /* when it had ended or was killed: a trace does not always say */
    unsigned left;            /* descendants that still run */
    sigset_t mask;            /* what was blocked before */
};

struct family_limits { /* seconds, 0: none */
    double timeout;
    double grace; /* from the first SIGTERM, SIGINT or SIGQUIT on */
};

/* Starts the program, waits until it has ended (then a little for its descendants), until time is
 * over, or until it has been asked to end and a SIGTERM comes, a second later or more: then all of
 * them are killed. Signals that reach us meanwhile are the program's; those of family_signals() are
 * left blocked, until family_done(). */
struct family family_run(const char *path, char *const *argv, struct family_limits limits);
void family_done(const struct family *family);
/* SIGCHLD, and those by which somebody asks a program to end. */
void family_signals(sigset_t *set);
/* Exit status as a shell tells it. */
int family_status(const struct family *family);

#endif
