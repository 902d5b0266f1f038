/*
 * Suppressions: read, matched, counted. See suppress.h for what the lines mean.
 */
#include "analyzer/suppress.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

#define BIT(kind) (1u << (kind))

static const struct {
    const char *word;
    uint32_t kinds;
    bool top, library;
} words[] = {
#define X(name, word, title) {word, BIT(FINDING_##name), false, false},
    FINDING_KINDS(X)
#undef X
        {"race_top", BIT(FINDING_RACE), true, false},
    {"thread", BIT(FINDING_UNJOINED), false, false},
    {"mutex", BIT(FINDING_MISUSE), false, false},
    {"signal", 0, false, false}, /* of a kind that we do not report: accepted, never hit */
    {"called_from_lib", BIT(FINDING_KIND_COUNT) - 1, false, true},
};

/* Does the text begin with the pattern (up to `end`), with `*` as any text? */
static bool match_here(const char *pattern, const char *end, const char *text, bool to_the_end)
{
    while (pattern < end) {
        if (*pattern == '*') {
            while (pattern < end && *pattern == '*')
                pattern++;
            if (pattern == end)
                return true;
            for (; *text; text++)
                if (match_here(pattern, end, text, to_the_end))
                    return true;
            return false;
        }
        if (!*text || *text != *pattern)
            return false;
        pattern++;
        text++;
    }
    return !to_the_end || !*text;
}

bool suppress_pattern(const char *pattern, const char *text)
{
    if (!text)
        return false;
    bool from_start = *pattern == '^';
    pattern += from_start;
    const char *end = pattern + strlen(pattern);
    bool to_the_end = end > pattern && end[-1] == '$';
    end -= to_the_end;
    if (from_start)
        return match_here(pattern, end, text, to_the_end);
    for (;; text++) {
        if (match_here(pattern, end, text, to_the_end))
            return true;
        if (!*text)
            return false;
    }
}

static bool line_read(struct suppressions *list, char *line, int number, char **error)
{
    while (isspace((unsigned char)*line))
        line++;
    for (size_t n = strlen(line); n && isspace((unsigned char)line[n - 1]); n--)
        line[n - 1] = 0;
    if (!*line || *line == '#')
        return true;
    char *colon = strchr(line, ':');
    size_t length = colon ? (size_t)(colon - line) : 0, i = 0;
    if (!colon || !colon[1]) {
        *error =
            memory_format("%s:%d: not a suppression (kind:pattern): %s", list->file, number, line);
        return false;
    }
    while (i < sizeof(words) / sizeof(words[0]) &&
           (strlen(words[i].word) != length || strncmp(words[i].word, line, length) != 0))
        i++;
    if (i == sizeof(words) / sizeof(words[0])) {
        *error = memory_format("%s:%d: no kind of suppression: %.*s", list->file, number,
                               (int)length, line);
        return false;
    }
    MEMORY_GROW(list->items, list->count, list->capacity);
    struct suppression *item = &list->items[list->count++];
    *item = (struct suppression){.text = memory_text(line),
                                 .line = number,
                                 .kinds = words[i].kinds,
                                 .top = words[i].top,
                                 .library = words[i].library};
    item->pattern = item->text + length + 1;
    return true;
}

bool suppressions_read(struct suppressions *list, const char *path, char **error)
{
    *list = (struct suppressions){.file = memory_text(path)};
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    bool good = true;
    if (!file) {
        *error = memory_format("%s: %s", path, strerror(errno));
        return false;
    }
    for (int number = 1; good && getline(&line, &size, file) >= 0; number++)
        good = line_read(list, line, number, error);
    if (good && ferror(file)) {
        *error = memory_format("%s: %s", path, strerror(errno));
        good = false;
    }
    free(line);
    fclose(file);
    return good;
}

static bool frame_matches(const struct suppression *item, const struct frame *frame)
{
    return suppress_pattern(item->pattern, frame->function) ||
           suppress_pattern(item->pattern, frame->file) ||
           suppress_pattern(item->pattern, frame->module);
}

static bool item_matches(const struct suppression *item, const struct finding *finding)
{
    if (!(item->kinds & BIT(finding->kind)))
        return false;
    for (uint32_t i = 0; i < finding->part_count; i++) {
        const struct part *part = &finding->parts[i];
        uint32_t depth = part->stack.count;
        if (item->top && part->role != PART_ACCESS)
            continue;
        if ((item->top || item->library) && depth)
            depth = 1;
        for (uint32_t j = 0; j < depth; j++) {
            const struct frame *frame = &part->stack.frames[j];
            if (item->library ? suppress_pattern(item->pattern, frame->module)
                              : frame_matches(item, frame))
                return true;
        }
    }
    return !item->top && !item->library && suppress_pattern(item->pattern, finding->object);
}

bool suppressions_match(struct suppressions *list, const struct finding *finding)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (!item_matches(&list->items[i], finding))
            continue;
        list->items[i].hits++;
        return true;
    }
    return false;
}

void suppressions_free(struct suppressions *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->items[i].text);
    free(list->items);
    free(list->file);
    *list = (struct suppressions){0};
}
