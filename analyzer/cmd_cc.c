/*
 * `gorocheck cc` and `gorocheck c++`: the compiler's place in a build. Finds the compiler, changes
 * its command line (cc.c), becomes it.
 */
#include <errno.h>
#include <signal.h>
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

#define STATUS_REFUSED 1 /* as compilers say that they failed */

static char *find_in_path(const char *name)
{
    struct target target = target_look(name);
    char *path = target.path ? memory_text(target.path) : NULL;
    target_free(&target);
    return path;
}

/* The compiler's words: "ccache gcc" is two. */
static struct words compiler_words(bool cxx, const char *given)
{
    struct words words = {0};
    const char *text = given ? given : getenv(cxx ? "GOROCHECK_CXX" : "GOROCHECK_CC");
    if (!text || !*text) {
        char *path = find_in_path(cxx ? "g++" : "gcc");
        text = path ? (cxx ? "g++" : "gcc") : (cxx ? "clang++" : "clang");
        free(path);
    }
    char *copy = memory_text(text), *save = NULL;
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        words_add(&words, word);
    free(copy);
    return words;
}

static bool is_clang(const struct words *compiler)
{
    char *path = find_in_path(compiler->items[compiler->count - 1]);
    char *real = path ? realpath(path, NULL) : NULL;
    const char *name = real ? strrchr(real, '/') + 1 : compiler->items[compiler->count - 1];
    bool result = strstr(name, "clang") != NULL;
    free(path);
    free(real);
    return result;
}

static int become(const struct words *command)
{
    execvp(command->items[0], command->items);
    session_say("%s: %s", command->items[0], strerror(errno));
    return STATUS_REFUSED;
}

/* A folder in which libtsan.so is the stub, for as long as the compiler runs. */
static char *shadow_make(const char *stub)
{
    const char *folder = getenv("TMPDIR");
    char *path = memory_format("%s/gorocheck-cc.XXXXXX", folder && *folder ? folder : "/tmp");
    if (!mkdtemp(path)) {
        session_say("%s: %s", path, strerror(errno));
        free(path);
        return NULL;
    }
    char *target = memory_format("%s/libtsan.so.2", stub);
    char *link = memory_format("%s/libtsan.so", path);
    if (symlink(target, link))
        session_say("%s: %s", link, strerror(errno));
    free(target);
    free(link);
    return path;
}

static void shadow_remove(char *path)
{
    char *link = memory_format("%s/libtsan.so", path);
    unlink(link);
    rmdir(path);
    free(link);
    free(path);
}

static volatile pid_t called; /* the compiler while it runs, 0 before */

/* Who ends us means the compiler; then we clean up behind it. */
static void pass_on(int signal)
{
    if (called > 0)
        kill(called, signal);
}

static int call(const struct words *command)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t set, before;
    int status = 0;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, &before); /* until the handler knows whom to tell */
    pid_t pid = called = fork();
    if (!pid) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        _exit(become(command));
    }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &(struct sigaction){.sa_handler = pass_on}, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0) {
        session_say("fork: %s", strerror(errno));
        return STATUS_REFUSED;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int compile(const struct words *compiler, const struct words *words)
{
    struct cc_request request = cc_read(words);
    bool clang = is_clang(compiler), shadowed = cc_needs_shadow(&request, clang);
    if (request.links && request.is_static) {
        session_say("cc: -static: no recorder can be loaded into a static program");
        return STATUS_REFUSED;
    }
    char *stub = place_stub(), *shadow = NULL;
    if (!stub && request.links) {
        session_say("cc: the stub libtsan.so.2 is not beside gorocheck (../lib/gorocheck)");
        return STATUS_REFUSED;
    }
    if (shadowed && !(shadow = shadow_make(stub))) {
        free(stub);
        return STATUS_REFUSED;
    }
    struct words command = cc_command(compiler, words, &request, clang, stub, shadow);
    int status = shadow ? call(&command) : become(&command);
    if (shadow)
        shadow_remove(shadow);
    words_free(&command);
    free(stub);
    return status;
}

int cmd_cc(int argc, char **argv)
{
    struct words words = {0};
    bool cxx = !strcmp(argv[0], "c++");
    int first = 1;
    const char *given = NULL;
    if (argc > 1 && !strncmp(argv[1], "-cc=", 4)) {
        given = argv[1] + 4;
        first = 2;
    }
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        command_help(command_find(argv[0]));
        return 0;
    }
    struct words compiler = compiler_words(cxx, given);
    if (!compiler.count) {
        session_say("%s: which compiler?", argv[0]);
        words_free(&compiler);
        return STATUS_REFUSED;
    }
    words_expand(&words, argc - first, argv + first);
    int status = compile(&compiler, &words);
    words_free(&words);
    words_free(&compiler);
    return status;
}
