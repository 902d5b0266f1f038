/* The subcommands: a table (cmd_help.c), one file each. A subcommand gets its words, itself
 * included, and returns the exit status. */
#ifndef ANALYZER_CMD_H
#define ANALYZER_CMD_H

#define GOROCHECK_VERSION "0.1"

struct command {
    const char *name, *arguments, *text;
    unsigned options; /* OPTION_RUN...; 0: reads its words itself */
    int (*run)(int argc, char **argv);
};

extern const struct command commands[]; /* up to one without a name */
const struct command *command_find(const char *name);
/* Help about one subcommand, as `gorocheck help NAME` and `gorocheck NAME --help` print it. */
void command_help(const struct command *command);

int cmd_run(int argc, char **argv);
int cmd_analyze(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_cc(int argc, char **argv);
int cmd_go(int argc, char **argv);
int cmd_gccgo(int argc, char **argv); /* as gccgo, for the go command */
int cmd_help(int argc, char **argv);

#endif
