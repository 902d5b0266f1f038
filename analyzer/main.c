/* gorocheck: finds the subcommand and calls it. */
#include <stdio.h>
#include <string.h>

#include "analyzer/cmd.h"
#include "analyzer/fault.h"
#include "analyzer/report.h"
#include "analyzer/session.h"

int main(int argc, char **argv)
{
    fault_guard();
    const char *own = strrchr(argv[0], '/');
    if (!strcmp(own ? own + 1 : argv[0], "gccgo"))
        return cmd_gccgo(argc, argv);
    const char *name = argc > 1 ? argv[1] : "help";
    if (!strcmp(name, "--version") || !strcmp(name, "version")) {
        puts("gorocheck " GOROCHECK_VERSION);
        return STATUS_CLEAN;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        name = "help";
    const struct command *command = command_find(name);
    if (!command) {
        session_say("no subcommand '%s' (gorocheck help lists them)", name);
        return STATUS_USAGE;
    }
    if (argc < 2)
        return command->run(1, argv);
    return command->run(argc - 1, argv + 1);
}
