/*
 * Runs the test programs and compares what gorocheck finds with what their headers say it must find.
 *
 *     runner [-b BUILD] [-j JOBS] [NAME...]        to be started in the root of the repository
 *
 * A program states its expectation in the comment it opens with:
 *
 *     EXPECT: race @a @b counter [proved]     a finding: kind, sites as labels, object, certainty (the last two optional),
 *                                             behind the certainty a text that its line must have: (in TestX)
 *     EXPECT: none                            no finding
 *     EXPECT: exit 3                          its own exit status (128 + n: killed by signal n); without this line 0
 *     EXPECT: exit hang                       it never ends by itself
 *     STATUS: 3                               exit status of gorocheck itself: 3 incomplete, 4 nothing observed
 *     MODE: instrumented plain clang patched  how it is built, one test for each word; without this line: instrumented.
 *                                             patched: built as plain, its machine code patched at load
 *                                             plain: not patched; default: built as plain, with no option
 *     MODE: go gorace gotest goracetest       Go programs: by gccgo alone (without this line), by `gorocheck go build`;
 *                                             tests (X_test.go): by `go test -c`, by `gorocheck go test -c`
 *     PATCHED: race ... or none               what mode patched finds, if that is not what EXPECT says
 *     ONLY: text                              of a race: why it is not found in both ways, or not the same (check/modes)
 *     ARGS: ENV: TIMEOUT: CFLAGS: LIBS:       arguments, NAME=value, seconds after which a hang is ended, for the build
 *     SAYS: text                              what `gorocheck run` must write on stderr, beside the findings
 *     BARE: yes                               also run with nothing but LD_PRELOAD
 *     REPORT: text                            likewise, and its report, in full, must say this
 *
 * A program that by itself ends with 77 is not run with gorocheck: the system lacks what it is about, which it says in a line.
 * A label is a comment that holds @name and stands for its line; file:* is any line of a file that is not ours. Every program is also run without gorocheck: output and
 * exit status must be the same. The set of findings is compared as a whole: one too few and one too many both fail.
 * The last line printed is `N passed, N failed`.
 */
#include "testprogs/runner/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_FINDINGS 66
#define RUN_SECONDS     60
#define STATUS_SKIP     77

struct test {
    char path[PATH_MAX];
    char mode[16];
    pid_t pid;
    int result; /* -1 running, 0 passed, STATUS_SKIP not run */
    double start;
};

static char build[PATH_MAX];
static char root[PATH_MAX];
static FILE *test_log;
static struct test tests[4096];
static int test_count;

static void finding_print(const char *what, const struct finding *finding)
{
    fprintf(test_log, "    %s: %s", what, finding->kind);
    for (int i = 0; i < finding->site_count; i++)
        fprintf(test_log, " %s", finding->sites[i]);
    fprintf(test_log, " %s %s\n", finding->object, finding->certainty);
}

static bool newer(const char *a, const char *b)
{
    struct stat sa, sb;
    if (stat(a, &sa))
        return false;
    return stat(b, &sb) || sa.st_mtim.tv_sec > sb.st_mtim.tv_sec ||
           (sa.st_mtim.tv_sec == sb.st_mtim.tv_sec && sa.st_mtim.tv_nsec > sb.st_mtim.tv_nsec);
}

/* What programs may include. */
static bool shared_newer(const char *binary)
{
    static const char *const headers[] = {
        "testprogs/order.h",         "testprogs/support/channel.h", "testprogs/support/group.h",
        "testprogs/support/spin.h",  "testprogs/support/calls.h",   "testprogs/support/apart.h",
        "testprogs/support/edges.h", "testprogs/support/until.go",  "shim/gorocheck.h"};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char path[PATH_MAX];
        path_make(path, "%s/%s", root, headers[i]);
        if (newer(path, binary))
            return true;
    }
    return false;
}

static void log_file(const char *title, const char *path)
{
    char *text = file_read(path);
    if (!text || !text[0]) {
        free(text);
        return;
    }
    fprintf(test_log, "    %s:\n", title);
    int lines = 0;
    for (char *line = text, *next; *line && lines < 30; line = next, lines++) {
        next = strchrnul(line, '\n');
        fprintf(test_log, "      %.*s\n", (int)(next - line), line);
        next += *next == '\n';
    }
    free(text);
}

struct place { /* where one test lives */
    char directory[PATH_MAX], binary[PATH_MAX], report[PATH_MAX], preload[PATH_MAX];
    char native_out[PATH_MAX], out[PATH_MAX], err[PATH_MAX];
};

/* gccgo's name, or NULL: then programs in Go are not run. */
static const char *go_compiler(void)
{
    static const char *const names[] = {"gccgo", "gccgo-12", "gccgo-13", "gccgo-14"};
    static const char *found;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !found; i++) {
        char command[WORD_MAX];
        snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", names[i]);
        if (!system(command))
            found = names[i];
    }
    return found;
}

static void go_build(struct command *command, const struct program *program, const char *tool,
                     const char *mode, const struct place *place)
{
    static char cflags[TEXT_MAX];
    static char cache[PATH_MAX + 32];
    snprintf(cache, sizeof(cache), "GOCACHE=%s/testprogs/go-cache", build);
    command->env[command->env_count++] = cache;
    if (!strcmp(mode, "gorace") || !strcmp(mode, "goracetest")) {
        command_add(command, tool);
        command_add(command, "go");
        command_add(command, strcmp(mode, "gorace") ? "test" : "build");
    } else if (!strcmp(mode, "gotest")) {
        command_add(command, "go");
        command_add(command, "test");
        command_add(command, "-compiler=gccgo");
        command_add(command, "-gccgoflags=-g -O1");
    } else {
        command_add(command, go_compiler());
        command_add(command, "-g");
        command_add(command, "-O1");
    }
    if (strstr(mode, "test"))
        command_add(command, "-c");
    text_copy(cflags, sizeof(cflags), program->cflags);
    command_split(command, cflags);
    command_add(command, "-o");
    command_add(command, place->binary);
    command_add(command, program->path);
}

static bool test_build_run(struct command *command, const char *mode, const struct place *place)
{
    if (!command_run(command))
        return true;
    fprintf(test_log, "    does not compile (%s)\n", mode);
    log_file("compiler", place->err);
    unlink(place->binary);
    return false;
}

static bool test_build(const struct program *program, const char *mode, struct place *place)
{
    char tool[PATH_MAX], near[PATH_MAX], stub[PATH_MAX], cflags[TEXT_MAX], libs[TEXT_MAX];
    bool cxx = !strcmp(strrchr(program->path, '.'), ".cc"), clang = !strcmp(mode, "clang");
    struct command command = {.limit = 120, .out = place->out, .err = place->err};
    path_make(tool, "%s/bin/gorocheck", build);
    path_make(near, "%s/lib/gorocheck/libgorocheck_near.a",
              build); /* what the tool links into programs */
    path_make(stub, "%s/lib/gorocheck/libtsan.so.2", build);
    if (!newer(program->path, place->binary) && !shared_newer(place->binary) &&
        !newer(tool, place->binary) && !newer(near, place->binary) && !newer(stub, place->binary))
        return true;
    if (!strncmp(mode, "go", 2)) {
        unlink(
            place
                ->binary); /* the go command goes by what it knows of, which the recorder's parts are not */
        go_build(&command, program, tool, mode, place);
        return test_build_run(&command, mode, place);
    }
    if (strcmp(mode, "plain") && strcmp(mode, "default") && !program->patched)
        command_add(&command, tool);
    command_add(&command, cxx ? "c++" : "cc");
    command.env[command.env_count++] = clang ? "GOROCHECK_CC=clang" : "GOROCHECK_CC=gcc";
    command.env[command.env_count++] = clang ? "GOROCHECK_CXX=clang++" : "GOROCHECK_CXX=g++";
    const char *const fixed[] = {"-g",       "-O1",           "-Wall",
                                 "-pthread", "-D_GNU_SOURCE", cxx ? "-std=c++17" : "-std=c11"};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        command_add(&command, fixed[i]);
    text_copy(cflags, sizeof(cflags), program->cflags);
    command_split(&command, cflags);
    command_add(&command, program->path);
    command_add(&command, "-o");
    command_add(&command, place->binary);
    text_copy(libs, sizeof(libs), program->libs);
    command_split(&command, libs);
    return test_build_run(&command, mode, place);
}

static void test_environment(struct command *command, const struct program *program, char *copy)
{
    char *save = NULL;
    text_copy(copy, TEXT_MAX, program->env);
    command->env[command->env_count++] = "GOROCHECK_OPTIONS";
    for (char *word = strtok_r(copy, " ", &save); word && command->env_count < WORD_MAX - 4;
         word = strtok_r(NULL, " ", &save))
        command->env[command->env_count++] = word;
}

/* By itself, without anything of ours: what the other runs have to equal. */
static bool test_native(const struct program *program, const struct place *place, bool *skipped)
{
    char args[TEXT_MAX], env[TEXT_MAX];
    struct command command = {
        .directory = place->directory, .out = place->native_out, .err = place->err, .limit = 30};
    if (program->status == STATUS_HANG)
        command.limit = 0.5;
    test_environment(&command, program, env);
    command_add(&command, place->binary);
    text_copy(args, sizeof(args), program->args);
    command_split(&command, args);
    int status = command_run(&command);
    *skipped = status == STATUS_SKIP && program->status != STATUS_SKIP;
    if (status == program->status || *skipped)
        return true;
    fprintf(test_log, "    without gorocheck: exit status %d, expected %d\n", status,
            program->status);
    log_file("stderr", place->err);
    return false;
}

/* The whole set of findings against the whole set of expectations. */
static bool test_compare(struct program *program, const struct place *place)
{
    char *text = file_read(place->report), *save = NULL;
    bool good = true;
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        struct finding found;
        int i = 0;
        if (!finding_parse(&found, line))
            continue;
        while (i < program->expect_count &&
               (program->expect[i].matched || !finding_agrees(&program->expect[i], &found)))
            i++;
        if (i < program->expect_count) {
            program->expect[i].matched = true;
            continue;
        }
        finding_print("not expected", &found);
        good = false;
    }
    for (int i = 0; i < program->expect_count; i++) {
        if (!program->expect[i].matched) {
            finding_print("missing", &program->expect[i]);
            good = false;
        }
    }
    free(text);
    return good;
}

static bool test_same_output(const struct place *place, const char *how)
{
    char *native = file_read(place->native_out), *seen = file_read(place->out);
    bool same = native && seen && !strcmp(native, seen);
    if (!same) {
        fprintf(test_log, "    %s: its output is another than without gorocheck\n", how);
        log_file("expected", place->native_out);
        log_file("output", place->out);
    }
    free(native);
    free(seen);
    return same;
}

static bool test_status(const struct program *program, int status, const char *how,
                        const struct place *place)
{
    int expected = program->expect_count ? STATUS_FINDINGS
                   : program->observed   ? program->observed
                                         : program->status;
    if (status == expected)
        return true;
    fprintf(test_log, "    %s: exit status %d, expected %d\n", how, status, expected);
    log_file("stderr", place->err);
    return false;
}

static bool test_says(const char *wanted, const struct place *place)
{
    char *text = file_read(place->err);
    bool good = text && strstr(text, wanted);
    if (!good) {
        fprintf(test_log, "    does not say: %s\n", wanted);
        log_file("stderr", place->err);
    }
    free(text);
    return good;
}

/* With `gorocheck run`. */
static bool test_run(struct program *program, const struct place *place)
{
    char tool[PATH_MAX], args[TEXT_MAX], env[TEXT_MAX], limit[WORD_MAX];
    struct command command = {
        .directory = place->directory, .out = place->out, .err = place->err, .limit = 120};
    bool hang = program->status == STATUS_HANG;
    snprintf(limit, sizeof(limit), "%gs", hang ? program->timeout : RUN_SECONDS);
    const char *const words[] = {path_make(tool, "%s/bin/gorocheck", build),
                                 "run",
                                 "--format",
                                 "line",
                                 "--output",
                                 place->report,
                                 "--timeout",
                                 limit,
                                 "--",
                                 place->binary};
    test_environment(&command, program, env);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        command_add(&command, words[i]);
    text_copy(args, sizeof(args), program->args);
    command_split(&command, args);
    unlink(place->report);
    double start = clock_now();
    int status = command_run(&command);
    bool good = test_compare(program, place);
    if (!hang && clock_now() - start >= RUN_SECONDS) {
        fprintf(test_log, "    gorocheck run: it hung and had to be ended\n");
        good = false;
    }
    good &= test_same_output(place, "gorocheck run");
    good &= test_status(program, status, "gorocheck run", place);
    good &= test_says(program->says, place);
    return good;
}

/* With nothing but LD_PRELOAD. */
static bool test_bare(const struct program *program, const struct place *place)
{
    char args[TEXT_MAX], env[TEXT_MAX];
    struct command command = {
        .directory = place->directory, .out = place->out, .err = place->err, .limit = 120};
    test_environment(&command, program, env);
    command.env[command.env_count++] = place->preload;
    command_add(&command, place->binary);
    text_copy(args, sizeof(args), program->args);
    command_split(&command, args);
    int status = command_run(&command);
    bool good = test_same_output(place, "LD_PRELOAD");
    good &= test_status(program, status, "LD_PRELOAD", place);
    good &= test_says(program->report, place);
    return good;
}

static void place_make(struct place *place, const struct test *test)
{
    char name[PATH_MAX];
    text_copy(name, sizeof(name), test->path + strlen("testprogs/"));
    *strrchr(name, '.') = 0;
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '-';
    path_make(place->directory, "%s/testprogs/%s.%s.dir", build, name, test->mode);
    path_make(place->binary, "%s/testprogs/%s.%s", build, name, test->mode);
    path_make(place->report, "%s/testprogs/%s.%s.dir/report", build, name, test->mode);
    path_make(place->native_out, "%s/testprogs/%s.%s.dir/native.out", build, name, test->mode);
    path_make(place->out, "%s/testprogs/%s.%s.dir/out", build, name, test->mode);
    path_make(place->err, "%s/testprogs/%s.%s.dir/err", build, name, test->mode);
    path_make(place->preload, "LD_PRELOAD=%s/lib/libgorocheck.so", build);
    if (mkdir(place->directory, 0777) && errno != EEXIST)
        die("%s: %s", place->directory, strerror(errno));
}

static int test_do(const struct test *test)
{
    bool skipped;
    static struct program program;
    static struct place place;
    program_read(&program, test->path, test->mode);
    if (!program.stated) {
        fprintf(test_log, "    states no expectation\n");
        return 1;
    }
    place_make(&place, test);
    if (!test_build(&program, test->mode, &place) || !test_native(&program, &place, &skipped))
        return 1;
    if (skipped) {
        log_file("not run", place.native_out);
        return STATUS_SKIP;
    }
    bool good = test_run(&program, &place);
    if ((program.bare || program.report[0]) && program.status != STATUS_HANG)
        good &= test_bare(&program, &place);
    return good ? 0 : 1;
}

/* ---- all of them ---- */

static void test_add(const char *path)
{
    static struct program program;
    char modes[TEXT_MAX], *save = NULL;
    program_read(&program, path, "");
    text_copy(modes, sizeof(modes), program.modes);
    for (char *mode = strtok_r(modes, " ", &save); mode; mode = strtok_r(NULL, " ", &save)) {
        if (test_count == (int)(sizeof(tests) / sizeof(tests[0])))
            die("too many programs");
        text_copy(tests[test_count].path, PATH_MAX, path);
        text_copy(tests[test_count].mode, sizeof(tests[0].mode), mode);
        tests[test_count++].result = -1;
    }
}

static bool name_wanted(const char *path, char **patterns, int count)
{
    for (int i = 0; i < count; i++) {
        char pattern[PATH_MAX];
        path_make(pattern, "*%s*", patterns[i]);
        if (!fnmatch(pattern, path, 0))
            return true;
    }
    return count == 0;
}

static int entry_compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int skipped_go;

/* All programs below testprogs/; folders that hold something else have no line with EXPECT and are not entered. */
static void tests_collect(char **patterns, int count)
{
    static const char *const folders[] = {
        "race", "atomic", "sync",       "deadlock", "blocked",    "unjoined", "misuse", "leak",
        "host", "demo",   "descriptor", "go",       "unmodified", "annotate", "fiber",  "patch"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char folder[PATH_MAX], path[PATH_MAX];
        struct dirent **entries = NULL;
        int n =
            scandir(path_make(folder, "testprogs/%s", folders[i]), &entries, NULL, entry_compare);
        if (n < 0)
            die("%s: %s", folder, strerror(errno));
        for (int j = 0; j < n; j++) {
            const char *dot = strrchr(entries[j]->d_name, '.');
            path_make(path, "%s/%s", folder, entries[j]->d_name);
            if (dot &&
                (!strcmp(dot, ".c") || !strcmp(dot, ".cc") ||
                 (!strcmp(dot, ".go") && go_compiler())) &&
                name_wanted(path, patterns, count))
                test_add(path);
            skipped_go += dot && !strcmp(dot, ".go") && !go_compiler();
            free(entries[j]);
        }
        free(entries);
    }
}

static void test_start(struct test *test, int number)
{
    char path[PATH_MAX];
    path_make(path, "%s/testprogs/log.%d", build, number);
    fflush(stdout);
    test->start = clock_now();
    test->pid = fork();
    if (test->pid < 0)
        die("fork: %s", strerror(errno));
    if (test->pid)
        return;
    test_log = fopen(path, "w");
    if (!test_log)
        die("%s: %s", path, strerror(errno));
    int status = test_do(test);
    fclose(test_log);
    _exit(status);
}

static void test_finish(pid_t pid, int status)
{
    for (int i = 0; i < test_count; i++) {
        if (tests[i].pid != pid || tests[i].result >= 0)
            continue;
        char path[PATH_MAX];
        bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIP;
        tests[i].result = skipped ? STATUS_SKIP : status ? 1 : 0;
        double seconds = clock_now() - tests[i].start;
        printf("%s %s (%s)",
               skipped  ? "skip"
               : status ? "FAIL"
                        : "ok  ",
               tests[i].path, tests[i].mode);
        if (seconds >= 5)
            printf(": %.0f s", seconds);
        putchar('\n');
        char *text = file_read(path_make(path, "%s/testprogs/log.%d", build, i));
        if (text && status)
            fputs(text, stdout);
        free(text);
        unlink(path);
        fflush(stdout);
    }
}

/* What can be asked of all programs together; they are built by now. */
static int check_all(const char *script, const char *what)
{
    char command[PATH_MAX];
    fflush(stdout);
    int status = system(path_make(command, script, build));
    printf("%s %s\n", status ? "FAIL" : "ok  ", what);
    return status == 0;
}

int main(int argc, char **argv)
{
    int jobs = 2, option, running = 0, passed = 0, skipped = 0;
    const char *folder = "build";
    while ((option = getopt(argc, argv, "b:j:")) != -1) {
        if (option == 'b')
            folder = optarg;
        else if (option == 'j')
            jobs = atoi(optarg);
        else
            die("usage: runner [-b BUILD] [-j JOBS] [NAME...]");
    }
    char path[PATH_MAX];
    if (!realpath(".", root) || !realpath(folder, build))
        die("%s: %s", folder, strerror(errno));
    if (mkdir(path_make(path, "%s/testprogs", build), 0777) && errno != EEXIST)
        die("%s: %s", path, strerror(errno));
    tests_collect(argv + optind, argc - optind);
    for (int next = 0; next < test_count || running;) {
        int status;
        if (next < test_count && running < jobs) {
            test_start(&tests[next], next);
            next++;
            running++;
            continue;
        }
        pid_t pid = wait(&status);
        if (pid < 0 && errno == ECHILD)
            break;
        running--;
        test_finish(pid, status);
    }
    for (int i = 0; i < test_count; i++) {
        passed += tests[i].result == 0;
        skipped += tests[i].result == STATUS_SKIP;
    }
    int total = test_count - skipped;
    if (optind == argc) {
        total += 2;
        passed += check_all("testprogs/check/rows '%s'", "every primitive is called by a program");
        passed += check_all("testprogs/check/modes",
                            "every race is looked for in both ways, or why not is said");
    }
    if (skipped_go)
        printf("%d programs in Go were not run: there is no gccgo here\n", skipped_go);
    if (skipped)
        printf("%d tests were not run: the system lacks what they are about\n", skipped);
    printf("%d passed, %d failed\n", passed, total - passed);
    return passed == total && total ? 0 : 1;
}
