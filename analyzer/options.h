/*
 * What the user asked for: the command line's options, and what GOROCHECK_OPTIONS says for those it
 * does not give.
 */
#ifndef ANALYZER_OPTIONS_H
#define ANALYZER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum option_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* Subcommands that take an option: bits. */
#define OPTION_RUN     1u
#define OPTION_ANALYZE 2u
#define OPTION_STATUS  4u
#define OPTION_DUMP    8u

/* go_ignore_...: goroutines that are not to be reported */
enum option_go {
    OPTION_GO_TOP,
    OPTION_GO_ANY,
    OPTION_GO_CREATED,
    OPTION_GO_CURRENT,
    OPTION_GO_COUNT
};

struct options {
    const char *format; /* name of a reporter */
    const char *output; /* NULL: stderr or stdout */
    const char *log_path;
    const char *suppressions;
    const char *strip_path_prefix;
    const char *go_ignore[OPTION_GO_COUNT]; /* patterns; current: "1" */
    const char *trace_dir;
    uint64_t digest;   /* run: bytes of a trace from which on it is analyzed meanwhile; 0: never */
    uint64_t max_disk; /* run: bytes of a trace; 0: no bound */
    bool max_disk_set; /* the recorder is told of a bound even if the trace is kept */
    double timeout;    /* seconds, 0: none */
    double grace;      /* likewise */
    enum option_color color;
    int exitcode;
    int verbosity;
    unsigned jobs;
    uint64_t memory_limit;
    bool keep;
    bool at_exit; /* started by the recorder when its program ends */
    bool help;
    bool list_keys; /* help=1 in GOROCHECK_OPTIONS: they are listed on stderr, all else goes on */
    char *owned;    /* the copy of GOROCHECK_OPTIONS that the texts above lie in */
};

void options_default(struct options *options);
/* Takes what the analyzer needs from the text; false with *error set for what makes no sense. An
 * unknown key makes *error too, but does not stop the rest. */
bool options_environment(struct options *options, const char *text, char **error);
/* Index of the first word that is no option; -1 with *error set. `command`: OPTION_RUN... */
int options_parse(struct options *options, unsigned command, int argc, char **argv, char **error);
void options_free(struct options *options);
/* Lines about the options of a subcommand, and about GOROCHECK_OPTIONS. */
void options_help(unsigned command);
void options_help_environment(FILE *out);
/* "30s", "5m", "1.5h", "90": seconds; false if it is no time. */
bool options_time(const char *text, double *seconds);
/* "512M", "2G", "1000000": bytes. */
bool options_size(const char *text, uint64_t *bytes);

#endif
