/*
 * Reading options: see options.h. One table of the command line's options, one function for each
 * that sets it; the keys of GOROCHECK_OPTIONS that the analyzer shares with the command line use
 * the same functions.
 */
#include "analyzer/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

/* ---- values ---- */

static bool whole_number(const char *text, long low, long high, long *value)
{
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    return *text && !*end && !errno && *value >= low && *value <= high;
}

static bool with_unit(const char *text, const char *units, const double *factors, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    if (end == text || errno || !(*value >= 0) || *value > 1e15)
        return false;
    if (!*end)
        return true;
    const char *unit = strchr(units, *end);
    if (!unit || end[1])
        return false;
    *value *= factors[unit - units];
    return true;
}

bool options_time(const char *text, double *seconds)
{
    static const double factors[] = {1, 60, 3600};
    return with_unit(text, "smh", factors, seconds);
}

bool options_size(const char *text, uint64_t *bytes)
{
    static const double factors[] = {1024, 1048576, 1073741824, 1024, 1048576, 1073741824};
    double value;
    if (!with_unit(text, "KMGkmg", factors, &value))
        return false;
    *bytes = (uint64_t)value;
    return true;
}

static bool set_format(struct options *options, const char *value)
{
    options->format = value;
    return !strcmp(value, "text") || !strcmp(value, "line") || !strcmp(value, "json");
}

static bool set_output(struct options *options, const char *value)
{
    options->output = value;
    return *value;
}

static bool set_log_path(struct options *options, const char *value)
{
    options->log_path = *value ? value : NULL;
    return true;
}

static bool set_suppressions(struct options *options, const char *value)
{
    options->suppressions = *value ? value : NULL;
    return true;
}

static bool set_go_top(struct options *options, const char *value)
{
    options->go_ignore[OPTION_GO_TOP] = value;
    return true;
}

static bool set_go_any(struct options *options, const char *value)
{
    options->go_ignore[OPTION_GO_ANY] = value;
    return true;
}

static bool set_go_created(struct options *options, const char *value)
{
    options->go_ignore[OPTION_GO_CREATED] = value;
    return true;
}

static bool set_go_current(struct options *options, const char *value)
{
    bool on = !strcmp(value, "1") || !strcmp(value, "true");
    options->go_ignore[OPTION_GO_CURRENT] = on ? "1" : NULL;
    return on || !strcmp(value, "0") || !strcmp(value, "false");
}

static bool set_prefix(struct options *options, const char *value)
{
    options->strip_path_prefix = *value ? value : NULL;
    return true;
}

static bool set_trace_dir(struct options *options, const char *value)
{
    options->trace_dir = value;
    return *value && !strchr(value, ':'); /* it must fit into GOROCHECK_OPTIONS */
}

static bool set_timeout(struct options *options, const char *value)
{
    return options_time(value, &options->timeout) && options->timeout > 0;
}

static bool set_grace(struct options *options, const char *value)
{
    return options_time(value, &options->grace) && options->grace > 0;
}

static bool set_color(struct options *options, const char *value)
{
    static const char *const words[] = {"auto", "always", "never"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(value, words[i]) != 0)
            continue;
        options->color = (enum option_color)i;
        return true;
    }
    return false;
}

static bool set_exitcode(struct options *options, const char *value)
{
    long number;
    if (!whole_number(value, 0, 255, &number))
        return false;
    options->exitcode = (int)number;
    return true;
}

static bool set_verbosity(struct options *options, const char *value)
{
    long number;
    if (!whole_number(value, 0, 9, &number))
        return false;
    options->verbosity = (int)number;
    return true;
}

static bool set_jobs(struct options *options, const char *value)
{
    long number;
    if (!whole_number(value, 0, 1024, &number))
        return false;
    options->jobs = (unsigned)number;
    return true;
}

static bool set_memory(struct options *options, const char *value)
{
    return options_size(value, &options->memory_limit);
}

static bool set_memory_mb(struct options *options, const char *value)
{
    long number;
    if (!whole_number(value, 0, 1L << 30, &number))
        return false;
    options->memory_limit = (uint64_t)number << 20;
    return true;
}

static bool set_digest(struct options *options, const char *value)
{
    return options_size(value, &options->digest);
}

static bool set_max_disk(struct options *options, const char *value)
{
    options->max_disk_set = true; /* the recorder reads it too */
    return options_size(value, &options->max_disk);
}

/* These three are for the recorder, which says nothing where a value is none. */
static bool set_sites(struct options *options, const char *value)
{
    long number;
    (void)options;
    return !strcmp(value, "all") || whole_number(value, 0, UINT32_MAX, &number);
}

static bool set_patch_lazy(struct options *options, const char *value)
{
    uint64_t size;
    (void)options;
    return options_size(value, &size);
}

static bool set_when_full(struct options *options, const char *value)
{
    (void)options;
    return !strcmp(value, "slow") || !strcmp(value, "sample") || !strcmp(value, "drop");
}

static bool set_keep(struct options *options, const char *value)
{
    options->keep = !strcmp(value, "1") || !strcmp(value, "true");
    return options->keep || !strcmp(value, "0") || !strcmp(value, "false");
}

static bool set_at_exit(struct options *options, const char *value)
{
    (void)value;
    return options->at_exit = true;
}

static bool set_help(struct options *options, const char *value)
{
    (void)value;
    return options->help = true;
}

static bool set_list_keys(struct options *options, const char *value)
{
    options->list_keys = !strcmp(value, "1") || !strcmp(value, "true");
    return true;
}

/* ---- the tables ---- */

#define REPORTING (OPTION_RUN | OPTION_ANALYZE)
#define ALL       (OPTION_RUN | OPTION_ANALYZE | OPTION_STATUS | OPTION_DUMP)

struct option {
    const char *name, *argument; /* NULL: takes none, the setter gets "1" */
    unsigned commands;
    bool (*set)(struct options *, const char *);
    const char *text; /* NULL: not for people */
};

static const struct option table[] = {
    {"format", "text|line|json", REPORTING, set_format, "how the report is written"},
    {"output", "FILE", REPORTING, set_output, "write the report to FILE, whole or not at all"},
    {"suppressions", "FILE", REPORTING, set_suppressions, "findings that are not to be reported"},
    {"strip-path-prefix", "TEXT", ALL, set_prefix, "cut source paths up to the end of TEXT"},
    {"exitcode", "N", REPORTING, set_exitcode, "exit status when there are findings (66)"},
    {"color", "auto|always|never", REPORTING, set_color, "colours in the text report"},
    {"verbosity", "N", REPORTING, set_verbosity, "1, 2: tell more of what was seen"},
    {"jobs", "N", REPORTING, set_jobs, "threads of the analysis (one for each core)"},
    {"memory-limit", "SIZE", REPORTING, set_memory, "for the histories of the race detector: 2G"},
    {"timeout", "TIME", OPTION_RUN, set_timeout,
     "end the program after TIME (30s, 5m) and say who waits for what"},
    {"grace", "TIME", OPTION_RUN, set_grace,
     "likewise when it has not ended TIME after it was asked to by a signal"},
    {"trace-dir", "DIR", OPTION_RUN, set_trace_dir,
     "record into DIR, which must not exist, and keep it"},
    {"keep", NULL, OPTION_RUN, set_keep, "keep the trace and say where it is"},
    {"at-exit", NULL, OPTION_ANALYZE, set_at_exit, NULL},
    {"help", NULL, ALL, set_help, "this text"},
};
#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

static const struct {
    const char *key;
    bool (*set)(struct options *, const char *);
} shared_keys[] = {
    {"exitcode", set_exitcode},
    {"log_path", set_log_path},
    {"suppressions", set_suppressions},
    {"go_ignore_top", set_go_top},
    {"go_ignore_any", set_go_any},
    {"go_ignore_created", set_go_created},
    {"go_ignore_current", set_go_current},
    {"strip_path_prefix", set_prefix},
    {"verbosity", set_verbosity},
    {"color", set_color},
    {"keep", set_keep},
    {"trace_dir", set_trace_dir},
    {"jobs", set_jobs},
    {"memory_limit_mb", set_memory_mb},
    {"max_disk", set_max_disk},
    {"when_full", set_when_full},
    {"sites", set_sites},
    {"patch_lazy", set_patch_lazy},
    {"digest", set_digest},
    {"help", set_list_keys},
};

enum value_type { VALUE_STRING, VALUE_BOOL, VALUE_INT };

static const struct {
    const char *key;
    enum value_type type;
    const char *otherwise, *text;
} keys[] = {
#define OPTION(name, type, otherwise, text) {#name, VALUE_##type, otherwise, text},
#include "trace/options.def"
#undef OPTION
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* ---- reading ---- */

void options_default(struct options *options)
{
    *options = (struct options){.format = "text",
                                .exitcode = 66,
                                .digest = UINT64_C(256) << 20,
                                .max_disk = UINT64_C(1) << 30};
}

void options_free(struct options *options)
{
    free(options->owned);
    options->owned = NULL;
}

static void complain(char **error, char *text)
{
    if (*error)
        free(text);
    else
        *error = text;
}

static bool value_fits(enum value_type type, const char *value)
{
    long number;
    switch (type) {
    case VALUE_STRING:
        return true;
    case VALUE_BOOL:
        return !strcmp(value, "0") || !strcmp(value, "1") || !strcmp(value, "true") ||
               !strcmp(value, "false");
    case VALUE_INT:
        break;
    }
    return whole_number(value, 0, 1L << 40, &number);
}

static bool key_set(struct options *options, const char *key, const char *value, char **error)
{
    size_t known = 0;
    while (known < KEY_COUNT && strcmp(keys[known].key, key) != 0)
        known++;
    if (known == KEY_COUNT) {
        complain(error,
                 memory_format("GOROCHECK_OPTIONS: no option '%s' (help=1 lists them)", key));
        return true;
    }
    bool good = value_fits(keys[known].type, value);
    for (size_t i = 0; good && i < sizeof(shared_keys) / sizeof(shared_keys[0]); i++)
        if (!strcmp(shared_keys[i].key, key))
            good = shared_keys[i].set(options, value);
    if (!good)
        complain(error, memory_format("GOROCHECK_OPTIONS: '%s' is no value for %s", value, key));
    return good;
}

bool options_environment(struct options *options, const char *text, char **error)
{
    *error = NULL;
    if (!text)
        return true;
    free(options->owned);
    options->owned = memory_text(text);
    bool good = true;
    for (char *word = options->owned, *next; word && *word; word = next) {
        next = strchr(word, ':');
        if (next)
            *next++ = 0;
        char *value = strchr(word, '=');
        if (!*word)
            continue;
        if (!value) {
            complain(error, memory_format("GOROCHECK_OPTIONS: '%s' has no value", word));
            good = false;
            continue;
        }
        *value++ = 0;
        good &= key_set(options, word, value, error);
    }
    if (options->list_keys)
        options_help_environment(stderr);
    return good;
}

static const struct option *option_find(unsigned command, const char *name, size_t length)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (table[i].commands & command && strlen(table[i].name) == length &&
            !strncmp(table[i].name, name, length))
            return &table[i];
    return NULL;
}

/* One option at argv[i]; how many words it is, 0 with *error set. */
static int option_read(struct options *options, unsigned command, char **argv, int i, char **error)
{
    const char *word = strcmp(argv[i], "-h") ? argv[i] : "--help";
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const struct option *option =
        length > 2 && word[1] == '-' ? option_find(command, word + 2, length - 2) : NULL;
    if (!option) {
        *error = memory_format("no option '%.*s'", (int)length, word);
        return 0;
    }
    bool separate = option->argument && !equals;
    const char *value = equals ? equals + 1 : separate ? argv[i + 1] : "1";
    if (!value || (equals && !option->argument)) {
        *error = memory_format(value ? "--%s takes no value" : "--%s needs a value", option->name);
        return 0;
    }
    if (option->set(options, value))
        return separate ? 2 : 1;
    *error = memory_format("'%s' is no value for --%s", value, option->name);
    return 0;
}

int options_parse(struct options *options, unsigned command, int argc, char **argv, char **error)
{
    int i = 0, others = 0; /* words that are no options, moved to the front of what was read */
    *error = NULL;
    while (i < argc && strcmp(argv[i], "--") != 0) {
        if (argv[i][0] == '-' && argv[i][1]) {
            int words = option_read(options, command, argv, i, error);
            if (!words)
                return -1;
            /* The words before stay together, in front of what follows. */
            char *taken[2] = {argv[i], words == 2 ? argv[i + 1] : NULL};
            memmove(argv + i - others + words, argv + i - others, (size_t)others * sizeof(*argv));
            memcpy(argv + i - others, taken, (size_t)words * sizeof(*argv));
            i += words;
        } else if (command == OPTION_RUN) {
            break; /* what follows is the program's */
        } else {
            others++;
            i++;
        }
    }
    if (i < argc && !strcmp(argv[i], "--")) {
        memmove(argv + i - others + 1, argv + i - others, (size_t)others * sizeof(*argv));
        argv[i - others] = (char *)(uintptr_t) "--";
        i++;
    }
    return i - others;
}

/* ---- help ---- */

void options_help(unsigned command)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (!(table[i].commands & command) || !table[i].text)
            continue;
        char *left = memory_format("--%s%s%s", table[i].name, table[i].argument ? " " : "",
                                   table[i].argument ? table[i].argument : "");
        printf("  %-28s %s\n", left, table[i].text);
        free(left);
    }
}

void options_help_environment(FILE *out)
{
    fputs("GOROCHECK_OPTIONS=key=value:key=value\n", out);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        char *left = memory_format("%s%s%s", keys[i].key, keys[i].otherwise[0] ? "=" : "",
                                   keys[i].otherwise);
        fprintf(out, "  %-28s %s\n", left, keys[i].text);
        free(left);
    }
}
