/*
 * What a test program says of itself: the header comment, its labels resolved to lines, and findings as lines of text.
 */
#include "testprogs/runner/runner.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"race",   "deadlock", "blocked", "leak",
                                    "ending", "unjoined", "misuse"};

static int site_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool kind_known(const char *word)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(kinds[i], word))
            return true;
    return false;
}

static bool site_like(const char *word)
{
    const char *colon = strrchr(word, ':');
    return colon && colon[1] &&
           (!strcmp(colon, ":*") || strspn(colon + 1, "0123456789") == strlen(colon + 1));
}

/* "testing.go:*" is any line of it. */
static bool site_agrees(const char *expect, const char *found)
{
    size_t length = strlen(expect);
    return length && expect[length - 1] == '*' ? !strncmp(expect, found, length - 1)
                                               : !strcmp(expect, found);
}

bool finding_parse(struct finding *finding, const char *line)
{
    char copy[TEXT_MAX], *save = NULL;
    memset(finding, 0, sizeof(*finding));
    text_copy(copy, sizeof(copy), line);
    char *word = strtok_r(copy, " \t\r\n", &save);
    if (!word || !kind_known(word))
        return false;
    text_copy(finding->kind, sizeof(finding->kind), word);
    while ((word = strtok_r(NULL, " \t\r\n", &save))) {
        if (word[0] == '[') { /* what follows is for people */
            text_copy(finding->certainty, sizeof(finding->certainty), word);
            if ((word = strtok_r(NULL, "\r\n", &save)))
                text_copy(finding->text, sizeof(finding->text), word);
            break;
        }
        if (site_like(word) && finding->site_count < SITE_MAX)
            text_copy(finding->sites[finding->site_count++], sizeof(finding->sites[0]), word);
        else
            text_copy(finding->object, sizeof(finding->object), word);
    }
    qsort(finding->sites, (size_t)finding->site_count, sizeof(finding->sites[0]), site_compare);
    return true;
}

bool finding_agrees(const struct finding *expect, const struct finding *found)
{
    if (strcmp(expect->kind, found->kind) || expect->site_count != found->site_count)
        return false;
    for (int i = 0; i < expect->site_count; i++)
        if (!site_agrees(expect->sites[i], found->sites[i]))
            return false;
    if (expect->object[0] && strcmp(expect->object, found->object))
        return false;
    if (expect->certainty[0] && strcmp(expect->certainty, found->certainty))
        return false;
    return strstr(found->text, expect->text) != NULL;
}

/* Line of the comment that holds @label behind the header; 0 if there is none. */
static int label_line(const char *text, const char *label)
{
    const char *body = strstr(text, "*/");
    size_t length = strlen(label);
    int line = 1;
    if (!body)
        return 0;
    for (const char *c = text; c < body; c++)
        line += *c == '\n';
    for (const char *c = body; *c; c++) {
        if (*c == '\n')
            line++;
        else if (*c == '@' && !strncmp(c + 1, label, length) &&
                 !isalnum((unsigned char)c[1 + length]) && c[1 + length] != '_')
            return line;
    }
    return 0;
}

/* Line of a label in one of the headers that programs share, and its name; 0 if there is none. */
static int support_line(const char *label, char *name, size_t size)
{
    struct dirent **entries = NULL;
    int count = scandir("testprogs/support", &entries, NULL, alphasort), line = 0;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "testprogs/support/%s", entries[i]->d_name);
        char *text = !line && entries[i]->d_name[0] != '.' ? file_read(path) : NULL;
        if (text && (line = label_line(text, label)))
            text_copy(name, size, entries[i]->d_name);
        free(text);
        free(entries[i]);
    }
    free(entries);
    return line;
}

/* Replaces each @label of an expectation by file:line. */
static void expect_resolve(const char *path, const char *text, const char *line, char *out,
                           size_t size)
{
    const char *base = strrchr(path, '/') + 1;
    size_t used = 0;
    for (const char *c = line; *c && used + 1 < size;) {
        char label[WORD_MAX];
        int length = 0;
        if (*c != '@') {
            out[used++] = *c++;
            continue;
        }
        if (sscanf(c + 1, "%63[A-Za-z0-9_]%n", label, &length) != 1)
            die("%s: empty label in '%s'", path, line);
        char name[WORD_MAX];
        int number = label_line(text, label);
        text_copy(name, sizeof(name), base);
        if (!number)
            number = support_line(label, name, sizeof(name));
        if (!number)
            die("%s: no line is labelled @%s", path, label);
        used += (size_t)snprintf(out + used, size - used, "%s:%d", name, number);
        c += 1 + length;
    }
    out[used < size ? used : size - 1] = 0;
}

static void expect_add(struct program *program, const char *text, const char *value, bool patched)
{
    char resolved[TEXT_MAX], word[WORD_MAX] = "";
    program->stated = true;
    if (patched && !program->differs) {
        program->differs = true;
        program->expect_count = 0;
    }
    if (!strcmp(value, "none"))
        return;
    if (program->differs && !patched && strncmp(value, "exit ", 5))
        return;
    if (sscanf(value, "exit %63s", word) == 1) {
        program->status = strcmp(word, "hang") ? atoi(word) : STATUS_HANG;
        return;
    }
    expect_resolve(program->path, text, value, resolved, sizeof(resolved));
    if (program->expect_count == FINDING_MAX ||
        !finding_parse(&program->expect[program->expect_count++], resolved))
        die("%s: cannot read 'EXPECT: %s'", program->path, value);
}

static void header_line(struct program *program, const char *text, char *line)
{
    const struct {
        const char *word;
        char *target;
    } texts[] = {
        {"ARGS", program->args},     {"ENV", program->env},    {"CFLAGS", program->cflags},
        {"LIBS", program->libs},     {"MODE", program->modes}, {"SAYS", program->says},
        {"REPORT", program->report},
    };
    char word[WORD_MAX], value[TEXT_MAX];
    if (sscanf(line, " * %63[A-Z]: %1023[^\n]", word, value) != 2)
        return;
    for (size_t i = strlen(value); i && isspace((unsigned char)value[i - 1]); i--)
        value[i - 1] = 0;
    if (!strcmp(word, "EXPECT"))
        expect_add(program, text, value, false);
    else if (!strcmp(word, "PATCHED") && program->patched)
        expect_add(program, text, value, true);
    else if (!strcmp(word, "TIMEOUT"))
        program->timeout = atof(value);
    else if (!strcmp(word, "STATUS"))
        program->observed = atoi(value);
    else if (!strcmp(word, "BARE"))
        program->bare = true;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!strcmp(word, texts[i].word))
            text_copy(texts[i].target, TEXT_MAX, value);
}

/*
 * What a mode adds to GOROCHECK_OPTIONS: in `plain` no machine code is patched, in `patched` that of the program is; all else
 * is as the default has it, unless the program says otherwise.
 * `lazy`: function by function, as they are called. TEST_OPTIONS, of the environment, are added.
 */
static void environment_patch(struct program *program, const char *mode)
{
    static const char name[] = "GOROCHECK_OPTIONS=";
    const char *mode_option = !strcmp(mode, "plain")  ? "patch=none"
                              : !strcmp(mode, "lazy") ? "patch=main:patch_lazy=1"
                                                      : "patch=main:patch_lazy=0";
    const char *more = getenv("TEST_OPTIONS");
    char option[96];
    snprintf(option, sizeof(option), "%s%s%s", mode_option, more ? ":" : "", more ? more : "");
    char env[TEXT_MAX];
    text_copy(env, sizeof(env), program->env);
    if ((strcmp(mode, "plain") && !program->patched) || strstr(env, "patch="))
        return;
    char *at = strstr(env, name);
    size_t length = at ? (size_t)(at - env) + strcspn(at, " ") : strlen(env);
    snprintf(program->env, sizeof(program->env), "%.*s%s%s%s", (int)length, env, at ? ":" : " ",
             at ? "" : name, option);
    size_t used = strlen(program->env);
    text_copy(program->env + used, sizeof(program->env) - used, env + length);
}

void program_read(struct program *program, const char *path, const char *mode)
{
    memset(program, 0, sizeof(*program));
    program->patched = !strcmp(mode, "patched") || !strcmp(mode, "lazy");
    text_copy(program->path, sizeof(program->path), path);
    text_copy(program->modes, sizeof(program->modes),
              strcmp(strrchr(path, '.'), ".go") ? "instrumented" : "go");
    program->timeout = 2;
    char *text = file_read(path);
    if (!text)
        die("%s: %s", path, strerror(errno));
    char *end = strstr(text, "*/"), *header = end ? strndup(text, (size_t)(end - text)) : NULL,
         *save = NULL;
    for (char *line = header ? strtok_r(header, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save))
        header_line(program, text, line);
    environment_patch(program, mode);
    free(header);
    free(text);
}
