/*
 * The compiler's command line. We add the instrumentation (-fsanitize=thread) wherever code is made
 * and see to it that no sanitizer's runtime is linked, but our stub libtsan.so.2 (found by rpath):
 * then a program works by itself, and when the recorder is preloaded its symbols come first.
 *
 * Compiling and linking in one command: clang has an option to leave the runtime out. gcc always
 * adds -ltsan, so it gets a folder to search first in which libtsan.so is the stub. A command that
 * only links is simply not told of the sanitizer.
 */
#include "analyzer/cc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

#define INSTRUMENT  "-fsanitize=thread"
#define NESTING_MAX 8 /* of @files in @files */

/* ---- words ---- */

void words_add(struct words *words, const char *word)
{
    if (words->count + 1 >= words->capacity) {
        words->capacity = words->capacity ? words->capacity * 2 : 16;
        words->items = memory_resize(words->items, words->capacity, sizeof(*words->items));
    }
    words->items[words->count++] = memory_text(word);
    words->items[words->count] = NULL;
}

void words_free(struct words *words)
{
    for (unsigned i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct words){0};
}

static void expand_word(struct words *words, const char *word, int depth);

/* Blanks separate; quotes of both kinds and backslashes protect. */
static void expand_text(struct words *words, const char *text, int depth)
{
    char *word = memory_get(strlen(text) + 1, 1);
    while (*(text += strspn(text, " \t\r\n\f\v"))) {
        size_t length = 0;
        char quote = 0;
        for (; *text && (quote || !isspace((unsigned char)*text)); text++) {
            if (*text == '\\' && text[1])
                word[length++] = *++text;
            else if (quote ? *text == quote : *text == '"' || *text == '\'')
                quote = quote ? 0 : *text;
            else
                word[length++] = *text;
        }
        word[length] = 0;
        expand_word(words, word, depth);
    }
    free(word);
}

static void expand_word(struct words *words, const char *word, int depth)
{
    FILE *file = word[0] == '@' && depth < NESTING_MAX ? fopen(word + 1, "re") : NULL;
    if (!file) {
        words_add(words,
                  word); /* a name that begins with @ and is no file is an input like others */
        return;
    }
    char *text = NULL;
    size_t size = 0;
    if (getdelim(&text, &size, 0, file) > 0)
        expand_text(words, text, depth + 1);
    free(text);
    fclose(file);
}

void words_expand(struct words *words, int argc, char *const *argv)
{
    for (int i = 0; i < argc; i++)
        expand_word(words, argv[i], 0);
}

/* ---- reading ---- */

static bool among(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(word, *list))
            return true;
    return false;
}

/* Options whose value is the next word. */
static bool takes_value(const char *word)
{
    static const char *const list[] = {"-o",
                                       "-x",
                                       "-I",
                                       "-L",
                                       "-l",
                                       "-D",
                                       "-U",
                                       "-A",
                                       "-B",
                                       "-T",
                                       "-u",
                                       "-e",
                                       "-z",
                                       "-h",
                                       "-F",
                                       "-MF",
                                       "-MT",
                                       "-MQ",
                                       "-MJ",
                                       "-include",
                                       "-imacros",
                                       "-isystem",
                                       "-iquote",
                                       "-idirafter",
                                       "-iprefix",
                                       "-isysroot",
                                       "-iwithprefix",
                                       "-iwithprefixbefore",
                                       "-imultilib",
                                       "-Xlinker",
                                       "-Xassembler",
                                       "-Xclang",
                                       "-Xpreprocessor",
                                       "-mllvm",
                                       "-aux-info",
                                       "-dumpbase",
                                       "-dumpdir",
                                       "-dumpbase-ext",
                                       "-target",
                                       "--param",
                                       "-wrapper",
                                       "-arch",
                                       "-framework",
                                       "-specs",
                                       "--sysroot",
                                       NULL};
    return among(word, list);
}

static bool has_suffix(const char *name, const char *const *list)
{
    const char *dot = strrchr(name, '.');
    return dot && !strchr(dot, '/') && among(dot + 1, list);
}

static void read_input(struct cc_request *request, const char *name, const char *language)
{
    static const char *const sources[] = {
        "c",   "i", "cc", "cp", "cxx", "cpp", "CPP", "c++", "C",   "ii", "m",  "mi", "mm", "M",
        "mii", "s", "S",  "sx", "f",   "for", "f90", "F",   "F90", "ll", "bc", "go", "d",  NULL};
    static const char *const headers[] = {"h",   "hh",  "H",   "hp",  "hxx", "hpp",
                                          "HPP", "h++", "tcc", "pch", NULL};
    bool header = language ? strstr(language, "-header") != NULL : has_suffix(name, headers);
    request->inputs = true;
    if (header)
        request->links = false; /* a precompiled header is made */
    if (header || language || has_suffix(name, sources))
        request->compiles = true;
}

struct cc_request cc_read(const struct words *words)
{
    static const char *const no_link[] = {
        "-c",           "-S",        "-E",        "-M", "-MM", "-fsyntax-only",
        "--precompile", "-emit-ast", "--analyze", NULL};
    static const char *const no_code[] = {"-E", "-M", "-MM", "-fsyntax-only", NULL};
    struct cc_request request = {.links = true};
    const char *language = NULL;
    bool linking = true;
    for (unsigned i = 0; i < words->count; i++) {
        const char *word = words->items[i];
        if (takes_value(word)) {
            const char *value = i + 1 < words->count ? words->items[++i] : "";
            if (!strcmp(word, "-x"))
                language = strcmp(value, "none") ? value : NULL;
            continue;
        }
        linking &= !among(word, no_link);
        request.quiet |= among(word, no_code);
        request.is_static |=
            !strcmp(word, "-static") || !strcmp(word, "-static-pie") || !strcmp(word, "--static");
        request.relocatable |= !strcmp(word, "-r");
        request.debug |= !strncmp(word, "-g", 2);
        request.lto |= !strncmp(word, "-flto", 5);
        if (!strncmp(word, "-x", 2) && word[2])
            language = strcmp(word + 2, "none") ? word + 2 : NULL;
        else if (word[0] != '-' || !word[1])
            read_input(&request, word, language);
    }
    request.links &= linking && request.inputs;
    return request;
}

/* ---- writing ---- */

/* What would bring the runtime in, where we do not want it. */
static bool is_runtime_option(const char *word)
{
    static const char *const list[] = {INSTRUMENT,       "-static-libtsan", "-static-libsan",
                                       "-shared-libsan", "-shared-libasan", NULL};
    return among(word, list);
}

bool cc_needs_shadow(const struct cc_request *request, bool clang)
{
    return !clang && request->links && (request->compiles || request->lto);
}

static void add_joined(struct words *command, const char *before, const char *folder,
                       const char *after)
{
    char *text = memory_format("%s%s%s", before, folder, after);
    words_add(command, text);
    free(text);
}

/*
 * The fast paths go into the program itself (whole: else the same names of the stub would do); what
 * they call, and all other names of the ABI, is the stub's.
 */
static void add_link(struct words *command, const char *stub)
{
    words_add(command, "-x"); /* what follows is no source, whatever the user said before */
    words_add(command, "none");
    words_add(command, "-Wl,--push-state,--whole-archive");
    add_joined(command, "", stub, "/libgorocheck_near.a");
    words_add(command, "-Wl,--no-whole-archive,--no-as-needed");
    add_joined(command, "", stub, "/libtsan.so.2");
    words_add(command, "-Wl,--pop-state");
    add_joined(command, "-Wl,-rpath,", stub, "");
}

struct words cc_command(const struct words *compiler, const struct words *words,
                        const struct cc_request *request, bool clang, const char *stub,
                        const char *shadow)
{
    struct words command = {0};
    bool in_one = cc_needs_shadow(request, clang), makes = request->compiles || in_one;
    bool links = request->links && !request->relocatable;
    for (unsigned i = 0; i < compiler->count; i++)
        words_add(&command, compiler->items[i]);
    if (!request->inputs) {
        for (unsigned i = 0; i < words->count; i++)
            words_add(&command, words->items[i]);
        return command;
    }
    if (in_one && shadow)
        add_joined(&command, "-L", shadow, "");
    if (request->compiles && !request->debug && !request->quiet)
        words_add(&command, "-g");
    for (unsigned i = 0; i < words->count; i++)
        if (!is_runtime_option(words->items[i]))
            words_add(&command, words->items[i]);
    if (makes)
        words_add(&command, INSTRUMENT);
    if (clang)
        words_add(&command, "-Qunused-arguments");
    else if (makes)
        words_add(&command, "-Wno-tsan"); /* fences are understood here */
    if (clang && makes && request->links)
        words_add(&command, "-fno-sanitize-link-runtime");
    if (links)
        add_link(&command, stub);
    return command;
}
