/*
 * Source lines: read, and told apart by tokens (source.h). source_plain is wary: it answers true
 * only for lines it understands wholly.
 */
#include "analyzer/source.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

#define LINE_MAX_SHOWN 500
#define PARENS_MAX     32u

static FILE *source_open(const char *path, const char *prefix)
{
    FILE *file = fopen(path, "re");
    if (file || !prefix || path[0] == '/')
        return file;
    char *whole = memory_format("%s%s", prefix, path);
    file = fopen(whole, "re");
    free(whole);
    return file;
}

char *source_line(const char *path, int number, const char *prefix)
{
    FILE *file = number > 0 ? source_open(path, prefix) : NULL;
    if (!file)
        return NULL;
    char *line = NULL;
    size_t size = 0;
    ssize_t length = -1;
    for (int i = 1; i <= number; i++)
        if ((length = getline(&line, &size, file)) < 0)
            break;
    fclose(file);
    char *text = NULL;
    if (length > 0 && length < LINE_MAX_SHOWN) {
        char *start = line + strspn(line, " \t");
        start[strcspn(start, "\r\n")] = 0;
        text = memory_text(start);
    }
    free(line);
    return text;
}

/* ---- what a directive of OpenMP makes atomic ---- */

#define STATEMENT_LINES 8 /* at most: Fortran's have no end that could be seen */

static bool is_directive(const char *line)
{
    return (line[0] == '#' || strstr(line, "_Pragma") || strcasestr(line, "$omp")) &&
           strcasestr(line, "atomic");
}

static bool statement_ends(const char *line, int *depth)
{
    for (; *line; line++) {
        *depth += *line == '{' ? 1 : *line == '}' ? -1 : 0;
        if (*depth <= 0 && (*line == ';' || *line == '}'))
            return true;
    }
    return false;
}

bool source_in_atomic(const char *path, int number, const char *prefix)
{
    FILE *file = number > 0 ? source_open(path, prefix) : NULL;
    if (!file)
        return false;
    char *line = NULL;
    size_t size = 0;
    int left = 0, depth = 0; /* lines that the directive may still be about */
    for (int i = 1; i < number && getline(&line, &size, file) >= 0; i++) {
        const char *start = line + strspn(line, " \t");
        if (is_directive(start)) {
            left = strcasestr(start, "end") ? 0 : STATEMENT_LINES;
            depth = 0;
        } else if (left > 0) {
            left = statement_ends(start, &depth) ? 0 : left - 1;
        }
    }
    fclose(file);
    free(line);
    return left > 0;
}

/* ---- how it was written ---- */

static bool word_in(const char *word, size_t length, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == length && strncmp(word, *list, length) == 0)
            return true;
    return false;
}

/* Words that may stand before a parenthesis without being a call, and calls that take values. */
static bool harmless(const char *word, size_t length)
{
    static const char *const list[] = {"if",     "while",  "for",     "switch", "return",
                                       "sizeof", "printf", "fprintf", "else",   NULL};
    return word_in(word, length, list);
}

static bool suspicious(const char *word, size_t length)
{
    static const char *const list[] = {"volatile", "asm",     "__asm__", "__asm",
                                       "define",   "_Pragma", NULL};
    for (size_t i = 0; i + 6 <= length; i++)
        if (strncasecmp(word + i, "atomic", 6) == 0)
            return true;
    return word_in(word, length, list) || (length > 6 && strncmp(word, "__sync", 6) == 0) ||
           (length > 5 && strncmp(word + length - 5, "_ONCE", 5) == 0);
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* READY: a macro, as a rule. */
static bool all_upper(const char *word, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (islower((unsigned char)word[i]))
            return false;
    return length > 1 && isupper((unsigned char)word[0]) &&
           !(length == 4 && !strncmp(word, "NULL", 4));
}

/* A '&' that takes an address, not one between two values. */
static bool takes_address(const char *line, const char *at)
{
    const char *before = at;
    if (at[1] == '&' || (at > line && at[-1] == '&'))
        return false;
    while (before > line && isspace((unsigned char)before[-1]))
        before--;
    return before == line || !(in_word(before[-1]) || before[-1] == ')' || before[-1] == ']');
}

/* Skips a text in quotes; NULL if it does not end here. */
static const char *skip_quoted(const char *c)
{
    char quote = *c++;
    while (*c && *c != quote)
        c += *c == '\\' && c[1] ? 2 : 1;
    return *c ? c + 1 : NULL;
}

bool source_plain(const char *line, const char *name)
{
    bool calls[PARENS_MAX];
    unsigned depth = 0, inside = 0; /* how many of the parentheses open are of calls */
    bool found = false;
    const char *word = NULL; /* the last token, if it was a word */
    size_t length = 0;
    if (line[0] == '#' || (line[0] && line[strlen(line) - 1] == '\\'))
        return false;
    for (const char *c = line; *c;) {
        if (c[0] == '/' && (c[1] == '/' || c[1] == '*'))
            break; /* what a comment says does not count, and code behind one is rare */
        if (*c == '"' || *c == '\'') {
            c = skip_quoted(c);
            if (!c)
                return false;
            word = NULL;
            continue;
        }
        if (in_word(*c)) {
            word = c;
            while (in_word(*c))
                c++;
            length = (size_t)(c - word);
            if (suspicious(word, length) || (!name && all_upper(word, length)))
                return false;
            bool is_call = c[strspn(c, " \t")] == '(';
            if (name && !is_call && strlen(name) == length && strncmp(word, name, length) == 0) {
                if (inside)
                    return false;
                found = true;
            }
            continue;
        }
        if (*c == '&' && takes_address(line, c))
            return false;
        if (*c == '(') {
            if (depth == PARENS_MAX)
                return false;
            calls[depth] = word && !harmless(word, length);
            inside += calls[depth++];
            if (!name && inside)
                return false;
        } else if (*c == ')' && depth) {
            inside -= calls[--depth];
        }
        if (!isspace((unsigned char)*c))
            word = NULL;
        c++;
    }
    return name ? found : line[0] != 0;
}
