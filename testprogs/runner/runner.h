/*
 * What the runner's parts share: what a test program says of itself (program.c), how a command is run (command.c).
 */
#ifndef TESTPROGS_RUNNER_H
#define TESTPROGS_RUNNER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define TEXT_MAX    1024
#define FINDING_MAX 64
#define SITE_MAX    8
#define WORD_MAX    64
#define STATUS_HANG (-1)

struct finding {
    char kind[16];
    char sites[SITE_MAX][TEXT_MAX / 4]; /* sorted */
    int site_count;
    char object[TEXT_MAX / 4];
    char certainty[16];
    char text[TEXT_MAX]; /* what follows; of an expectation: it must occur in that */
    bool matched;
};

struct program {
    char path[PATH_MAX]; /* testprogs/race/counter.c */
    char args[TEXT_MAX], env[TEXT_MAX], cflags[TEXT_MAX], libs[TEXT_MAX], modes[TEXT_MAX];
    char says[TEXT_MAX],
        report[TEXT_MAX]; /* texts that stderr, and the full report, must contain */
    double timeout;
    int status;   /* its own */
    int observed; /* gorocheck's, if it is neither that nor 66 */
    bool bare;
    struct finding expect[FINDING_MAX];
    int expect_count;
    bool stated;  /* there is an EXPECT line */
    bool patched; /* it is not instrumented: its machine code is patched at load ... */
    bool differs; /* ... and PATCHED lines say what is to be found then */
};

struct command {
    const char *argv[WORD_MAX * 2];
    int argc;
    const char *env[WORD_MAX]; /* NAME=value, on top of ours; NAME alone: unset */
    int env_count;
    const char *directory;
    const char *out, *err; /* files */
    double limit;          /* seconds, then it is killed */
};

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Formats into a buffer of PATH_MAX bytes. */
char *path_make(char *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_copy(char *to, size_t size, const char *from);
/* The text of a file, to be freed; NULL if it cannot be read. */
char *file_read(const char *path);

void program_read(struct program *program, const char *path, const char *mode);
/* "race a.c:1 a.c:2 counter [proved] (in TestX)" -> finding. False if the line does not begin with a kind. */
bool finding_parse(struct finding *finding, const char *line);
/* Does what was found agree with what was expected? An object or certainty that is not stated may be anything. */
bool finding_agrees(const struct finding *expect, const struct finding *found);

void command_add(struct command *command, const char *word);
/* Adds the words of a text, which is cut up for it. */
void command_split(struct command *command, char *text);
/* Exit status as a shell tells it, or STATUS_HANG if the limit ended it. Its whole process group is gone afterwards. */
int command_run(const struct command *command);

/* Seconds of a clock that only goes forward. */
double clock_now(void);

#endif
