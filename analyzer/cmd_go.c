/*
 * `gorocheck go build|test|run`: the go command with gccgo as its compiler and ourselves in gccgo's place, so that every
 * package that is compiled (the standard library is not: it comes with libgo) has its accesses instrumented and is linked
 * without a sanitizer's runtime; so have the C and C++ files of packages that use cgo. `go test` and `go run` start what
 * they built under `gorocheck run`.
 *
 * The go command takes one executable as its compiler: a link named gccgo, to ourselves, in a folder of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyzer/cc.h"
#include "analyzer/cmd.h"
#include "analyzer/memory.h"
#include "analyzer/place.h"
#include "analyzer/session.h"
#include "analyzer/target.h"

#define STATUS_REFUSED 1
#define REAL_COMPILER  "GOROCHECK_GCCGO"

static char *find_in_path(const char *name)
{
    struct target target = target_look(name);
    char *path = target.path ? realpath(target.path, NULL) : NULL;
    target_free(&target);
    return path;
}

static char *find_gccgo(void)
{
    static const char *const names[] = {"gccgo", "gccgo-12", "gccgo-13", "gccgo-14"};
    const char *given = getenv("GCCGO");
    if (given && *given)
        return find_in_path(given);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *path = find_in_path(names[i]);
        if (path)
            return path;
    }
    return NULL;
}

/* As gccgo: what the go command calls. */
int cmd_gccgo(int argc, char **argv)
{
    const char *real = getenv(REAL_COMPILER);
    if (!real || !*real) {
        session_say("gccgo: only for the go command, by gorocheck go");
        return STATUS_REFUSED;
    }
    char **words = memory_get((size_t)argc + 3, sizeof(*words));
    words[0] = memory_text("cc");
    words[1] = memory_format("-cc=%s", real);
    for (int i = 1; i < argc; i++)
        words[i + 1] = argv[i];
    int status = cmd_cc(argc + 1, words);
    free(words[0]);
    free(words[1]);
    free(words);
    return status;
}

/* A folder for as long as the go command runs, with the link in it. */
static char *folder_make(void)
{
    const char *base = getenv("TMPDIR");
    char *path = memory_format("%s/gorocheck-go.XXXXXX", base && *base ? base : "/tmp");
    char *self = place_self();
    if (!self || !mkdtemp(path)) {
        session_say("%s: %s", path, strerror(errno));
        free(self);
        free(path);
        return NULL;
    }
    char *link = memory_format("%s/gccgo", path);
    if (symlink(self, link))
        session_say("%s: %s", link, strerror(errno));
    free(link);
    free(self);
    return path;
}

static void folder_remove(char *path)
{
    char *link = memory_format("%s/gccgo", path);
    unlink(link);
    rmdir(path);
    free(link);
    free(path);
}

static uint64_t mix_file(uint64_t hash, const char *folder, const char *name)
{
    struct stat status;
    char *path = folder ? memory_format("%s/%s", folder, name) : NULL;
    if (path && !stat(path, &status))
        hash = (hash ^ (uint64_t)status.st_mtim.tv_nsec ^ (uint64_t)status.st_mtim.tv_sec << 30 ^
                (uint64_t)status.st_size) *
               0x9e3779b97f4a7c15u;
    free(path);
    return hash;
}

/* What is built this way must not be taken for what is built without us, or with another version of what we link in: a
 * cache of its own for each. */
static void cache_set(void)
{
    const char *given = getenv("GOCACHE"), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *stub = place_stub();
    uint64_t version = mix_file(1, stub, "libtsan.so.2");
    version = mix_file(version, stub, "libgorocheck_near.a");
    version = mix_file(version, "/proc/self", "exe");
    char *folder = given && *given ? memory_text(given)
                   : base && *base ? memory_text(base)
                   : home && *home ? memory_format("%s/.cache", home)
                                   : NULL;
    char *path =
        folder ? memory_format("%s/gorocheck-go-%08x", folder, (unsigned)(version >> 32)) : NULL;
    if (path)
        setenv("GOCACHE", path, 1);
    free(stub);
    free(folder);
    free(path);
}

static int call(const struct words *command)
{
    int status = 0;
    pid_t pid = fork();
    if (!pid) {
        execvp(command->items[0], command->items);
        session_say("%s: %s", command->items[0], strerror(errno));
        _exit(127);
    }
    if (pid < 0) {
        session_say("fork: %s", strerror(errno));
        return STATUS_REFUSED;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool known(const char *verb)
{
    static const char *const verbs[] = {"build", "install", "test", "run", "vet"};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(verb, verbs[i]))
            return true;
    return false;
}

/* What cgo compiles C with: ourselves, before the compiler that it would have used. */
static void cgo_set(const char *name, const char *kept, const char *verb)
{
    const char *given = getenv(name);
    char *self = place_self();
    bool ours = given && self && strstr(given, self);
    if (self && !ours) {
        const char *quote = strchr(self, ' ') ? "'" : "";
        char *command = memory_format("%s%s%s %s", quote, self, quote, verb);
        if (given && *given)
            setenv(kept, given, 1);
        setenv(name, command, 1);
        free(command);
    }
    free(self);
}

static int go(int argc, char **argv, const char *folder)
{
    struct words command = {0};
    char *self = place_self();
    char *run = memory_format("-exec=%s run --", self);
    bool starts = !strcmp(argv[1], "run") || !strcmp(argv[1], "test");
    words_add(&command, "go");
    words_add(&command, argv[1]);
    words_add(&command, "-compiler=gccgo");
    if (starts)
        words_add(&command, run);
    for (int i = 2; i < argc; i++)
        words_add(&command, argv[i]);
    char *compiler = memory_format("%s/gccgo", folder);
    setenv("GCCGO", compiler, 1);
    cgo_set("CC", "GOROCHECK_CC", "cc");
    cgo_set("CXX", "GOROCHECK_CXX", "c++");
    cache_set();
    int status = call(&command);
    words_free(&command);
    free(compiler);
    free(run);
    free(self);
    return status;
}

int cmd_go(int argc, char **argv)
{
    if (argc < 2 || !known(argv[1])) {
        command_help(command_find("go"));
        return argc < 2 ? STATUS_REFUSED : 0;
    }
    char *real = find_gccgo();
    if (!real) {
        session_say("go: gccgo is not installed (Debian: apt-get install gccgo gccgo-go)");
        return STATUS_REFUSED;
    }
    setenv(REAL_COMPILER, real, 1);
    free(real);
    char *folder = folder_make();
    if (!folder)
        return STATUS_REFUSED;
    int status = go(argc, argv, folder);
    folder_remove(folder);
    return status;
}
