/*
 * `gorocheck status PID|DIR`: who waits for what, from the live tables. A process is looked up by
 * the tables it has mapped, so that it does not matter where its trace is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/cmd.h"
#include "analyzer/describe.h"
#include "analyzer/memory.h"
#include "analyzer/report.h"
#include "analyzer/session.h"

/* The folder of a file ".../tasks" that the process has mapped and that lies beside a file
 * "process". */
static char *folder_mapped(const char *pid)
{
    char *maps = memory_format("/proc/%s/maps", pid), *line = NULL, *found = NULL;
    size_t size = 0;
    FILE *file = fopen(maps, "re");
    while (file && !found && getline(&line, &size, file) >= 0) {
        char *path = strchr(line, '/');
        if (!path)
            continue;
        path[strcspn(path, "\n")] = 0;
        size_t length = strlen(path);
        if (length < 6 || strcmp(path + length - 6, "/tasks") != 0)
            continue;
        path[length - 6] = 0;
        char *process = memory_format("%s/process", path);
        if (!access(process, R_OK))
            found = memory_text(path);
        free(process);
    }
    if (file)
        fclose(file);
    free(line);
    free(maps);
    return found;
}

static char *folder_of(const char *word)
{
    if (!*word || strspn(word, "0123456789") != strlen(word) || !access(word, F_OK))
        return memory_text(word);
    char *found = folder_mapped(word);
    if (found)
        return found;
    char *cwd = memory_format("/proc/%s/cwd", word), *real = realpath(cwd, NULL);
    char *path = real ? memory_format("%s/gorocheck.%s", real, word) : NULL;
    free(cwd);
    free(real);
    if (path && !access(path, F_OK))
        return path;
    free(path);
    return NULL;
}

/* Time stamps of the trace are those of the processor that we run on too. */
static uint64_t moment(const struct trace *trace)
{
    return trace->live ? __builtin_ia32_rdtsc() : describe_end_tsc(trace);
}

static void print_line(const struct roster_line *line)
{
    char *name = line->count > 1 ? memory_format("%s (+%u)", line->name, line->count - 1)
                                 : memory_text(line->name);
    printf("%-24s %-10s %s", name, line->since ? line->since : "-", line->state);
    if (line->by)
        printf(", held by %s", line->by);
    if (line->place)
        printf("  at %s", line->place);
    if (line->held)
        printf("  holds %s", line->held);
    puts(line->stuck ? "  STUCK" : "");
    free(name);
}

static int status_print(const char *folder, const struct options *options)
{
    char *error = NULL;
    struct trace *trace = trace_open(folder, &error);
    if (!trace) {
        session_say("%s", error);
        free(error);
        return STATUS_FAILURE;
    }
    struct analysis analysis = {.trace = trace};
    analysis.symbols = symbols_open(trace, options->strip_path_prefix);
    struct roster roster = roster_make(&analysis, moment(trace));
    printf("%s (pid %u), %s; %u tasks have ended\n", trace->process.executable, trace->process.pid,
           trace->live ? "running" : "not running", roster.ended);
    printf("%-24s %-10s %s\n", "TASK", "SINCE", "STATE");
    for (uint32_t i = 0; i < roster.count; i++)
        print_line(&roster.lines[i]);
    roster_free(&roster);
    symbols_close(analysis.symbols);
    trace_close(trace);
    return fflush(stdout) ? STATUS_FAILURE : STATUS_CLEAN;
}

int cmd_status(int argc, char **argv)
{
    struct options options;
    char *error = NULL;
    options_default(&options);
    int first = options_parse(&options, OPTION_STATUS, argc - 1, argv + 1, &error);
    if (first < 0) {
        session_say("status: %s", error);
        free(error);
        return STATUS_USAGE;
    }
    if (options.help) {
        command_help(command_find("status"));
        return STATUS_CLEAN;
    }
    if (first != argc - 2) {
        session_say("status: of what? (gorocheck status PID|DIR)");
        return STATUS_USAGE;
    }
    char *folder = folder_of(argv[1 + first]);
    if (!folder) {
        session_say("process %s is not being recorded, or is not ours to look at", argv[1 + first]);
        return STATUS_USAGE;
    }
    int status = session_folder(folder) ? status_print(folder, &options) : STATUS_USAGE;
    free(folder);
    return status;
}
