/* The table of subcommands and `gorocheck help`. */
#include <stdio.h>
#include <string.h>

#include "analyzer/cmd.h"
#include "analyzer/options.h"
#include "analyzer/report.h"
#include "analyzer/session.h"

const struct command commands[] = {
    {"run", "[options] -- program args", "records a program, analyses and reports", OPTION_RUN,
     cmd_run},
    {"analyze", "[options] DIR...", "analyses traces that were recorded before", OPTION_ANALYZE,
     cmd_analyze},
    {"status", "PID|DIR", "who waits for what, while a program runs or hangs", OPTION_STATUS,
     cmd_status},
    {"dump", "DIR [tables|sync|access]", "the records of a trace, one line each", OPTION_DUMP,
     cmd_dump},
    {"cc", "[-cc=COMPILER] args", "compiles C with accesses instrumented", 0, cmd_cc},
    {"c++", "[-cc=COMPILER] args", "compiles C++ with accesses instrumented", 0, cmd_cc},
    {"go", "build|test|run args", "the go command: gccgo, with accesses instrumented", 0, cmd_go},
    {"help", "[subcommand]", "this text, or that of a subcommand", 0, cmd_help},
    {NULL, NULL, NULL, 0, NULL},
};

static const struct {
    const char *name, *text;
} details[] = {
    {"run",
     "Starts the program with the recorder preloaded and reports on stderr when it has ended:\n"
     "data races, deadlocks, tasks blocked forever or never joined, misused primitives. Nothing\n"
     "need be rebuilt; built by gorocheck cc, atomics are known exactly. The trace lies in a\n"
     "temporary folder that is removed afterwards, unless --keep or --trace-dir is given.\n"},
    {"analyze",
     "Reads complete traces and those that were cut off (kill -9) alike; the report goes\n"
     "to stdout.\n"},
    {"status", "Reads the live tables of a running process, or those of a trace.\n"},
    {"dump", "Without a second word all three: tables, synchronisation streams, access streams.\n"},
    {"cc",
     "CC=\"gorocheck cc\" works with make, CMake and configure. The compiler is -cc=..., else\n"
     "$GOROCHECK_CC, else gcc or clang. Programs made this way run without gorocheck too.\n"},
    {"c++",
     "CXX=\"gorocheck c++\" works with make, CMake and configure. The compiler is -cc=...,\n"
     "else $GOROCHECK_CXX, else g++ or clang++. Programs made this way run without gorocheck\n"
     "too.\n"},
};

static const char statuses[] =
    "Exit status: 0 no findings; 66 findings (--exitcode), or the program hung and was ended;\n"
    "2 usage; 3 failure, or a trace that cannot be trusted; 4 nothing was observed. Without\n"
    "findings the status of the program is kept if it is not 0.\n";

const struct command *command_find(const char *name)
{
    for (const struct command *command = commands; command->name; command++)
        if (!strcmp(command->name, name))
            return command;
    return NULL;
}

void command_help(const struct command *command)
{
    printf("gorocheck %s %s: %s\n\n", command->name, command->arguments, command->text);
    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
        if (!strcmp(details[i].name, command->name))
            printf("%s\n", details[i].text);
    if (command->options)
        options_help(command->options);
    if (command->options & (OPTION_RUN | OPTION_ANALYZE)) {
        printf("\n%s\n", statuses);
        options_help_environment(stdout);
    }
}

int cmd_help(int argc, char **argv)
{
    if (argc > 1) {
        const struct command *command = command_find(argv[1]);
        if (!command) {
            session_say("no subcommand '%s'", argv[1]);
            return STATUS_USAGE;
        }
        command_help(command);
        return STATUS_CLEAN;
    }
    puts("gorocheck finds data races, deadlocks, tasks blocked forever and tasks never joined.\n");
    for (const struct command *command = commands; command->name; command++) {
        char left[80];
        snprintf(left, sizeof(left), "gorocheck %s %s", command->name, command->arguments);
        printf("  %-40s %s\n", left, command->text);
    }
    printf("  %-40s %s\n\n", "LD_PRELOAD=libgorocheck.so program", "report on stderr at its end");
    printf("%s\n", statuses);
    options_help_environment(stdout);
    return STATUS_CLEAN;
}
