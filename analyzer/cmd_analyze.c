/*
 * `gorocheck analyze DIR...`: a report of traces that exist. With --at-exit the recorder has
 * started it when its program ended: stderr is the channel, a clean program gets a line and its
 * trace is removed.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/cmd.h"
#include "analyzer/report.h"
#include "analyzer/session.h"

/* With a program at its end nobody is there to mend its options: what can be used is. */
static bool read_options(struct options *options, int argc, char **argv, int *first)
{
    char *error = NULL;
    options_default(options);
    bool good = options_environment(options, getenv("GOROCHECK_OPTIONS"), &error);
    bool at_exit = argc > 1 && !strcmp(argv[1], "--at-exit");
    if (error)
        session_say("%s", error);
    bool unknown = error != NULL;
    free(error);
    if (!at_exit && (!good || unknown))
        return false;
    *first = options_parse(options, OPTION_ANALYZE, argc - 1, argv + 1, &error);
    if (*first >= 0)
        return true;
    session_say("analyze: %s", error);
    free(error);
    return false;
}

static void at_exit_end(const struct report *report, unsigned pid, const char *path)
{
    if (!report->item_count && !report->options->keep && !report->options->trace_dir) {
        session_remove(path);
        return;
    }
    session_kept(report->options, pid, path);
}

static int analyze(struct report *report, int count, char **paths)
{
    bool at_exit = report->options->at_exit;
    if (at_exit)
        signal(SIGPIPE, SIG_IGN); /* the status counts, whether or not the report is read */
    for (int i = 0; i < count; i++)
        if (!session_folder(paths[i]))
            return at_exit ? STATUS_FAILURE : STATUS_USAGE;
    for (int i = 0; i < count; i++) {
        char *error = NULL;
        if (report_trace(report, paths[i], &error))
            continue;
        session_say("%s", error);
        free(error);
        return STATUS_FAILURE;
    }
    report_finish(report, 0);
    unsigned pid = report->process_count ? report->processes[0].trace->process.pid : 0;
    if (at_exit && !report->item_count && !report->options->log_path && !report->options->output &&
        report->status != STATUS_FAILURE)
        report_short(report, stderr);
    else if (!session_write(report, at_exit ? stderr : stdout, pid))
        return STATUS_FAILURE;
    if (at_exit)
        at_exit_end(report, pid, paths[0]);
    return report->status;
}

int cmd_analyze(int argc, char **argv)
{
    struct options options;
    struct report report;
    int first, status = STATUS_USAGE;
    if (!read_options(&options, argc, argv, &first)) {
        options_free(&options);
        return STATUS_USAGE;
    }
    if (options.help) {
        command_help(command_find("analyze"));
        status = STATUS_CLEAN;
    } else if (first >= argc - 1) {
        session_say("analyze: which trace? (gorocheck analyze DIR...)");
    } else if (session_begin(&report, &options)) {
        status = analyze(&report, argc - 1 - first, argv + 1 + first);
        report_free(&report);
    } else if (options.at_exit) {
        session_say("the trace is in %s", argv[1 + first]);
    }
    options_free(&options);
    return status;
}
