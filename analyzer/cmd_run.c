/*
 * `gorocheck run`: starts a program with the recorder in it, collects the traces of all its
 * processes, reports once.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/cmd.h"
#include "analyzer/digest.h"
#include "analyzer/family.h"
#include "analyzer/memory.h"
#include "analyzer/place.h"
#include "analyzer/report.h"
#include "analyzer/session.h"
#include "analyzer/target.h"
#include "analyzer/temporary.h"

/* DIR of the first process that has something to record, DIR.<pid>[.n] of the others. */
struct traces {
    char *folder; /* absolute */
    char *name;   /* of DIR within it */
    bool own;     /* the folder is ours, to be removed */
    char **before;
    uint32_t before_count;
};

/* ---- where the traces go ---- */

static bool is_trace_name(const struct traces *traces, const char *name)
{
    size_t length = strlen(traces->name);
    if (strncmp(name, traces->name, length) != 0)
        return false;
    return !name[length] ||
           (name[length] == '.' && strspn(name + length, ".0123456789") == strlen(name + length));
}

/* Of this run: what was there before is somebody else's. */
static bool is_new_trace(const void *data, const char *name)
{
    const struct traces *traces = data;
    for (uint32_t i = 0; i < traces->before_count; i++)
        if (!strcmp(traces->before[i], name))
            return false;
    return is_trace_name(traces, name);
}

/* Names are compared with their numbers as numbers: DIR, DIR.99, DIR.100. */
static int name_compare(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

static char **list_traces(const struct traces *traces, uint32_t *count)
{
    char **names = NULL;
    uint32_t capacity = 0;
    DIR *folder = opendir(traces->folder);
    *count = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!is_new_trace(traces, entry->d_name))
            continue;
        MEMORY_GROW(names, *count, capacity);
        names[(*count)++] = memory_text(entry->d_name);
    }
    if (folder)
        closedir(folder);
    if (*count)
        qsort(names, *count, sizeof(*names), name_compare);
    return names;
}

static void free_names(char **names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static bool traces_given(struct traces *traces, const char *path)
{
    struct stat status;
    if (!lstat(path, &status)) {
        session_say("%s is there already: a trace needs a new folder", path);
        return false;
    }
    char *copy = memory_text(path), *slash;
    while (strlen(copy) > 1 && copy[strlen(copy) - 1] == '/')
        copy[strlen(copy) - 1] = 0;
    slash = strrchr(copy, '/');
    traces->name = memory_text(slash ? slash + 1 : copy);
    if (slash)
        slash[slash == copy] = 0;
    traces->folder = realpath(slash ? copy : ".", NULL);
    if (!traces->folder)
        session_say("%s: %s", path, strerror(errno));
    free(copy);
    if (!traces->folder)
        return false;
    uint32_t count; /* not yet before_count: the list leaves out what is in `before` */
    traces->before = list_traces(traces, &count);
    traces->before_count = count;
    return true;
}

static bool traces_temporary(struct traces *traces)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || folder[0] != '/' || strchr(folder, ':'))
        folder = "/tmp";
    traces->name = memory_text("trace");
    traces->own = true;
    traces->folder = temporary_make(folder);
    if (!traces->folder)
        session_say("%s: %s", folder, strerror(errno));
    return traces->folder;
}

static void traces_free(struct traces *traces)
{
    free_names(traces->before, traces->before_count);
    free(traces->folder);
    free(traces->name);
}

/* ---- the program's environment ---- */

static void prepend(const char *variable, const char *first)
{
    const char *old = getenv(variable);
    char *text = old && *old ? memory_format("%s:%s", first, old) : memory_text(first);
    setenv(variable, text, 1);
    free(text);
}

/*
 * Where there are audits the dynamic linker has set thread-local storage up before it comes to what is preloaded, and what it
 * left over is not enough for the recorder: the program would not start.
 */
static void leave_room(const struct target *target)
{
    const char *audit = getenv("LD_AUDIT");
    if (target->audited || (audit && *audit))
        prepend("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=8192");
}

#define SLEEP_NS 1000000000u /* what digest_options.patience is: signals seldom take so long */

static bool keeps(const struct options *options)
{
    return options->keep || options->trace_dir;
}

/* The bound of a trace on disk, 0 if there is none. */
static uint64_t bound_of(const struct options *options)
{
    return options->max_disk_set || !keeps(options) ? options->max_disk : 0;
}

/* From which size on a trace is analyzed: well before the bound, where the recorder waits for that. */
static uint64_t digest_from(const struct options *options)
{
    uint64_t bound = bound_of(options), from = options->digest;
    return bound && from > bound / 4 ? bound / 4 : from;
}

/* False after a message if there is nothing to preload. */
static bool environment_set(const struct options *options, const struct traces *traces,
                            const struct target *target)
{
    if (target->runtime || target->blind)
        return true; /* two recorders in one program would crash it; what a blind one says means nothing */
    char *shim = place_shim();
    if (!shim) {
        session_say("libgorocheck.so is not beside gorocheck (../lib)");
        return false;
    }
    if (strpbrk(shim, ": ")) {
        session_say("%s: LD_PRELOAD cannot name a path with a colon or space", shim);
        free(shim);
        return false;
    }
    prepend("LD_PRELOAD", shim);
    leave_room(target);
    free(shim);
    const char *old = getenv("GOROCHECK_OPTIONS");
    char *text = memory_format("%s%strace_dir=%s/%s:report=0:max_disk=%llu:digest=%llu",
                               old ? old : "", old && *old ? ":" : "", traces->folder, traces->name,
                               (unsigned long long)bound_of(options),
                               (unsigned long long)digest_from(options));
    setenv("GOROCHECK_OPTIONS", text, 1);
    free(text);
    char *stub = target->needs_stub ? place_stub() : NULL;
    if (stub)
        prepend("LD_LIBRARY_PATH", stub);
    free(stub);
    return true;
}

/* ---- afterwards ---- */

/* DIR is the program's, and DIR.PID after an exec; other numbers are its children's. */
static bool is_child(const struct report *report, const struct traces *traces, const char *name)
{
    const char *number = name + strlen(traces->name);
    return number[0] == '.' && strtoul(number + 1, NULL, 10) != report->end.pid;
}

/* The recorder makes the files of a trace one after the other, `modules` last, before anything is recorded. Where one could
 * not be made there is a file `failed`; else the process was killed before that. */
static bool never_began(const char *path)
{
    char *failed = memory_format("%s/failed", path), *last = memory_format("%s/modules", path);
    uint32_t magic = 0;
    bool began = access(failed, F_OK) == 0;
    int file = open(last, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    began |= file >= 0 && read(file, &magic, sizeof(magic)) == sizeof(magic) && magic;
    if (file >= 0)
        close(file);
    free(failed);
    free(last);
    return !began;
}

static void read_traces(struct report *report, const struct traces *traces, char **names,
                        uint32_t count)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        char *error = NULL, *path = memory_format("%s/%s", traces->folder, names[i]);
        if (is_child(report, traces, names[i]) && never_began(path)) {
            before++;
        } else if (!report_trace(report, path, &error)) {
            report->unreadable = true;
            report_note(report, "%s", error);
            free(error);
        }
        free(path);
    }
    if (before)
        report_note(report, "%u of its children ended before their recording began", before);
}

/* A trace into which a process still writes stays; so do all, if that was asked for. */
static void remove_traces(const struct report *report, const struct traces *traces, char **names,
                          uint32_t count, bool keep)
{
    keep |= report->options->keep || !traces->own;
    for (uint32_t i = 0; i < report->process_count && !keep; i++)
        keep = report->processes[i].trace->live;
    if (keep) {
        temporary_release();
        for (uint32_t i = 0; i < count; i++)
            session_say("trace: %s/%s", traces->folder, names[i]);
        if (!count && traces->own)
            rmdir(traces->folder);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        char *path = memory_format("%s/%s", traces->folder, names[i]);
        session_remove(path);
        free(path);
    }
    temporary_release();
    rmdir(traces->folder);
}

static char *why_nothing(const struct target *target)
{
    return memory_text(target->obstacle ? target->obstacle
                                        : "the program left no trace: it did not load the "
                                          "recorder, or used neither threads nor synchronisation");
}

static int run(struct report *report, char **argv, struct traces *traces)
{
    const struct options *options = report->options;
    struct target target = target_look(argv[0]);
    if (!target.path) {
        session_say("%s: %s", argv[0], strerror(errno));
        target_free(&target);
        return STATUS_USAGE;
    }
    if (!environment_set(options, traces, &target)) {
        target_free(&target);
        return STATUS_FAILURE;
    }
    struct digest_options digest = {.folder = traces->folder,
                                    .is_trace = is_new_trace,
                                    .data = traces,
                                    .from = digest_from(options),
                                    .keep = keeps(options),
                                    .patience = SLEEP_NS,
                                    .jobs = options->jobs,
                                    .memory_limit = options->memory_limit};
    report->digests = options->digest ? digests_start(&digest) : NULL;
    struct family family =
        family_run(target.path, argv,
                   (struct family_limits){.timeout = options->timeout, .grace = options->grace});
    if (!temporary_guard())
        family_done(&family);
    digests_stop(report->digests);
    if (family.start_error) {
        family_done(&family);
        session_say("%s: %s", argv[0], strerror(family.start_error));
        target_free(&target);
        return STATUS_USAGE;
    }
    uint32_t count;
    char **names = list_traces(traces, &count);
    if (family.killed > 0) {
        report->timeout = family.refused ? family.killed : options->timeout;
        report_note(report, "the program was ended after %.3g s (%s)", report->timeout,
                    family.refused ? "it had been asked to end by a signal" : "--timeout");
    }
    report->end = (struct report_end){.pid = (uint32_t)family.pid,
                                      .status = family.status,
                                      .tsc = family.end_tsc,
                                      .ns = family.end_ns};
    if (family.left)
        report_note(report, "%u of its processes still run", family.left);
    read_traces(report, traces, names, count);
    if (target.blind || (!report->process_count && !report->unreadable))
        report->nothing = why_nothing(&target);
    report_finish(report, family.killed > 0 ? 0 : family_status(&family));
    int status = report->status;
    bool written = session_write(report, stderr, (unsigned)family.pid);
    if (!written)
        status = STATUS_FAILURE; /* what was recorded must not be lost too */
    remove_traces(report, traces, names, count, !written);
    free_names(names, count);
    digests_free(report->digests);
    report->digests = NULL;
    target_free(&target);
    family_done(&family);
    return status;
}

static int run_with(const struct options *options, char **argv)
{
    struct report report;
    struct traces traces = {0};
    int status = STATUS_USAGE;
    if (!session_begin(&report, options))
        return STATUS_USAGE;
    bool good =
        options->trace_dir ? traces_given(&traces, options->trace_dir) : traces_temporary(&traces);
    if (good)
        status = run(&report, argv, &traces);
    temporary_release();
    if (good && traces.own)
        rmdir(traces.folder); /* does nothing if traces are kept there */
    traces_free(&traces);
    report_free(&report);
    return status;
}

int cmd_run(int argc, char **argv)
{
    struct options options;
    char *error = NULL;
    int first, status = STATUS_USAGE;
    options_default(&options);
    bool good = options_environment(&options, getenv("GOROCHECK_OPTIONS"), &error) && !error;
    if (!good) {
        session_say("%s", error);
    } else if ((first = options_parse(&options, OPTION_RUN, argc - 1, argv + 1, &error)) < 0) {
        session_say("run: %s", error);
    } else if (options.help) {
        command_help(command_find("run"));
        status = STATUS_CLEAN;
    } else if (first >= argc - 1) {
        session_say("run: which program? (gorocheck run -- program args)");
    } else {
        status = run_with(&options, argv + 1 + first);
    }
    free(error);
    options_free(&options);
    return status;
}
