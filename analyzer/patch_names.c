/*
 * Names in patch= for which there was no module: a mistyped one would leave out what was asked for without a word. Of several
 * processes (a shell and what it starts) one that has it will do, so it is said once for all of them, and is no failure.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/report.h"

/* The value of patch=, as the recorder reads it: the last one counts. NULL: not given, or no names. */
static char *names_asked(const struct trace_process *process)
{
    static const char *const words[] = {"none", "main", "app", "all", ""};
    char *value = NULL;
    for (const char *at = process->options; *at;) {
        size_t length = strcspn(at, ":");
        if (length >= 6 && !strncmp(at, "patch=", 6)) {
            free(value);
            value = memory_format("%.*s", (int)length - 6, at + 6);
        }
        at += length + (at[length] != 0);
    }
    for (size_t i = 0; value && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) != 0)
            continue;
        free(value);
        return NULL;
    }
    return value;
}

static bool begins_so(const struct trace *trace, const char *name, size_t length)
{
    for (uint32_t i = 0; i < trace->module_count; i++) {
        const struct trace_module *module = &trace->modules[i];
        const char *path = module->path[0] ? module->path : trace->process.executable;
        const char *slash = strrchr(path, '/');
        if (module->state && !strncmp(slash ? slash + 1 : path, name, length))
            return true;
    }
    return false;
}

static bool met(const struct report *report, const char *name, size_t length)
{
    bool found = length == 4 && !strncmp(name, "main", 4);
    for (uint32_t i = 0; !found && i < report->process_count; i++)
        found = begins_so(report->processes[i].trace, name, length);
    return found;
}

void report_patch_names(struct report *report)
{
    char *said = memory_text(",");
    for (uint32_t i = 0; i < report->process_count; i++) {
        char *names = names_asked(&report->processes[i].trace->process);
        for (char *rest = names, *name; (name = strsep(&rest, ","));) {
            char *item = memory_format(",%s,", name);
            if (*name && !strstr(said, item) && !met(report, name, strlen(name))) {
                report_note(report, "patch=%s: no module was loaded whose name begins so", name);
                char *longer = memory_format("%s%s,", said, name);
                free(said);
                said = longer;
            }
            free(item);
        }
        free(names);
    }
    free(said);
}
