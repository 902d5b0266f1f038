/* Setting a report up and writing it: see session.h. A file is made beside its name and renamed
 * when it is complete. */
#include "analyzer/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/memory.h"

void session_say(const char *format, ...)
{
    va_list list;
    char *text = NULL;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    /* One write, so that lines of several processes do not mix. */
    fprintf(stderr, "gorocheck: %s\n", text ? text : format);
    free(text);
}

bool session_folder(const char *path)
{
    struct stat status;
    int error = stat(path, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
    if (error)
        session_say("%s: %s", path, strerror(error));
    return !error;
}

bool session_begin(struct report *report, const struct options *options)
{
    char *error = NULL;
    *report = (struct report){.options = options};
    if (options->suppressions &&
        !suppressions_read(&report->suppressions, options->suppressions, &error)) {
        session_say("%s", error);
        free(error);
        return false;
    }
    static const struct {
        const char *key;
        enum suppress_where where;
    } go[OPTION_GO_COUNT] = {
        [OPTION_GO_TOP] = {"go_ignore_top", SUPPRESS_GO_TOP},
        [OPTION_GO_ANY] = {"go_ignore_any", SUPPRESS_GO_ANY},
        [OPTION_GO_CREATED] = {"go_ignore_created", SUPPRESS_GO_CREATED},
        [OPTION_GO_CURRENT] = {"go_ignore_current", SUPPRESS_GO_CURRENT},
    };
    for (size_t i = 0; i < OPTION_GO_COUNT; i++)
        if (options->go_ignore[i])
            suppressions_option(&report->suppressions, go[i].key, go[i].where,
                                options->go_ignore[i]);
    return true;
}

static bool write_stream(struct report *report, FILE *out)
{
    const char *term = getenv("TERM");
    const struct options *options = report->options;
    const struct reporter *reporter = reporter_find(options->format);
    report->colored = options->color == COLOR_ALWAYS ||
                      (options->color == COLOR_AUTO && isatty(fileno(out)) && term &&
                       strcmp(term, "dumb") != 0 && !getenv("NO_COLOR"));
    reporter->write(report, out);
    /* A format for programs leaves the statement to people; into JSON nothing may be mixed. */
    bool apart = out != stderr || !strcmp(options->format, "line");
    if (strcmp(options->format, "text") != 0 && apart)
        report_coverage(report, stderr);
    bool good = !fflush(out) && !ferror(out);
    return good || errno == EPIPE; /* who read it has read enough */
}

/* What is no plain file (a terminal, a pipe, /dev/null) is written to as it is. */
static bool replaceable(const char *path)
{
    struct stat status;
    return lstat(path, &status) || S_ISREG(status.st_mode);
}

static bool write_file(struct report *report, const char *path)
{
    if (!replaceable(path)) {
        FILE *file = fopen(path, "we");
        bool good = file && write_stream(report, file);
        if (file && fclose(file))
            good = false;
        if (!good)
            session_say("%s: %s", path, strerror(errno));
        return good;
    }
    char *draft = memory_format("%s.XXXXXX", path);
    int fd = mkstemp(draft);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool good = file != NULL;
    if (good) {
        mode_t mask = umask(0);
        umask(mask);
        fchmod(fd, 0666 & ~mask);
        good = write_stream(report, file);
        int error = errno;
        if (fclose(file))
            good = false;
        else if (!good)
            errno = error;
    }
    if (good)
        good = !rename(draft, path);
    if (!good) {
        int error = errno;
        if (fd >= 0)
            unlink(draft);
        session_say("%s: %s", path, strerror(error));
    }
    free(draft);
    return good;
}

/* The file that log_path stands for; NULL: a stream. */
static char *log_file(const struct options *options, unsigned pid)
{
    const char *log = options->log_path;
    bool file = log && strcmp(log, "stderr") != 0 && strcmp(log, "stdout") != 0;
    return file ? memory_format("%s.%u", log, pid) : NULL;
}

bool session_write(struct report *report, FILE *otherwise, unsigned pid)
{
    const struct options *options = report->options;
    signal(SIGPIPE, SIG_IGN); /* the trace is still to be removed, and the status to be given */
    if (options->output)
        return write_file(report, options->output);
    char *path = log_file(options, pid);
    if (path) {
        bool good = write_file(report, path);
        free(path);
        return good;
    }
    if (options->log_path && !strcmp(options->log_path, "stdout"))
        return write_stream(report, stdout);
    if (write_stream(report, options->log_path ? stderr : otherwise))
        return true;
    session_say("the report could not be written: %s", strerror(errno));
    return false;
}

void session_kept(const struct options *options, unsigned pid, const char *trace)
{
    char *path = log_file(options, pid);
    FILE *file = path ? fopen(path, "ae") : NULL;
    if (file)
        fprintf(file, "gorocheck: the trace is in %s\n", trace);
    if (!file || fclose(file))
        session_say("the trace is in %s", trace);
    free(path);
}

static bool is_ours(const char *name)
{
    static const char *const tables[] = {"process", "tasks",      "objects", "stacks",
                                         "modules", "executable", "failed"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (!strcmp(name, tables[i]))
            return true;
    const char *number = !strncmp(name, "sync.", 5)     ? name + 5
                         : !strncmp(name, "access.", 7) ? name + 7
                                                        : "";
    return *number && strspn(number, "0123456789") == strlen(number);
}

void session_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (is_ours(entry->d_name))
            unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(path);
}
