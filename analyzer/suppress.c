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

#define BIT(kind)  (1u << (kind))

#define GOROUTINES (BIT(FINDING_BLOCKED) | BIT(FINDING_LEAK) | BIT(FINDING_DEADLOCK))

static const struct {
    const char *word;
    uint32_t kinds;
    enum suppress_where where;
} words[] = {
#define X(name, word, title) {word, BIT(FINDING_##name), SUPPRESS_ANYWHERE},
    FINDING_KINDS(X)
#undef X
        {"race_top", BIT(FINDING_RACE), SUPPRESS_TOP},
    {"thread", BIT(FINDING_UNJOINED), SUPPRESS_ANYWHERE},
    {"mutex", BIT(FINDING_MISUSE), SUPPRESS_ANYWHERE},
    {"signal", 0, SUPPRESS_ANYWHERE}, /* of a kind that we do not report: accepted, never hit */
    {"called_from_lib", BIT(FINDING_KIND_COUNT) - 1, SUPPRESS_LIBRARY},
    {"goroutine", GOROUTINES, SUPPRESS_GO_ANY},
    {"goroutine_top", GOROUTINES, SUPPRESS_GO_TOP},
    {"goroutine_created", GOROUTINES, SUPPRESS_GO_CREATED},
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
                                 .where = words[i].where};
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

static bool any_frame(const struct suppression *item, const struct part *part, uint32_t depth)
{
    for (uint32_t i = 0; i < part->stack.count && i < depth; i++)
        if (frame_matches(item, &part->stack.frames[i]))
            return true;
    return false;
}

/* What the runtime does on behalf of a goroutine that waits is not shown by Go's own stacks either. */
static uint32_t top_frame(const struct stack *stack)
{
    uint32_t i = 0;
    while (i + 1 < stack->count && stack->frames[i].function &&
           !strncmp(stack->frames[i].function, "runtime.", 8))
        i++;
    return i;
}

static bool of_creation(const struct suppression *item, const struct frame *frame)
{
    char *place = frame_place(frame);
    bool matches = frame_matches(item, frame) || suppress_pattern(item->pattern, place);
    free(place);
    return matches;
}

/* "example.org/m.init.0", "main..import", "m.TestMain" */
static bool at_start(const struct stack *stack)
{
    for (uint32_t i = 0; i < stack->count; i++) {
        const char *name = stack->frames[i].function;
        const char *last = name ? strrchr(name, '/') : NULL;
        last = last ? last : name ? name : "";
        if (strstr(last, ".init.") || strstr(last, "..init") || strstr(last, "..import") ||
            suppress_pattern(".TestMain$", last))
            return true;
    }
    return false;
}

static bool goroutine_matches(const struct suppression *item, const struct part *part)
{
    if (!part->stack.count)
        return false;
    switch (item->where) {
    case SUPPRESS_GO_ANY:
        return any_frame(item, part, UINT32_MAX);
    case SUPPRESS_GO_TOP:
        return part->role == PART_WAIT &&
               frame_matches(item, &part->stack.frames[top_frame(&part->stack)]);
    case SUPPRESS_GO_CREATED:
        return part->role == PART_TASK && of_creation(item, &part->stack.frames[0]);
    case SUPPRESS_GO_CURRENT:
        return part->role == PART_TASK && at_start(&part->stack);
    case SUPPRESS_ANYWHERE:
    case SUPPRESS_TOP:
    case SUPPRESS_LIBRARY:
        break;
    }
    return false;
}

static bool part_matches(const struct suppression *item, const struct part *part)
{
    switch (item->where) {
    case SUPPRESS_ANYWHERE:
        return any_frame(item, part, UINT32_MAX);
    case SUPPRESS_TOP:
        return part->role == PART_ACCESS && any_frame(item, part, 1);
    case SUPPRESS_LIBRARY:
        return part->stack.count && suppress_pattern(item->pattern, part->stack.frames[0].module);
    case SUPPRESS_GO_ANY:
    case SUPPRESS_GO_TOP:
    case SUPPRESS_GO_CREATED:
    case SUPPRESS_GO_CURRENT:
        break;
    }
    return goroutine_matches(item, part);
}

static bool item_matches(const struct suppression *item, const struct finding *finding)
{
    if (!(item->kinds & BIT(finding->kind)) ||
        (item->where >= SUPPRESS_GO_ANY && !finding->goroutine))
        return false;
    for (uint32_t i = 0; i < finding->part_count; i++)
        if (part_matches(item, &finding->parts[i]))
            return true;
    return item->where == SUPPRESS_ANYWHERE && suppress_pattern(item->pattern, finding->object);
}

void suppressions_option(struct suppressions *list, const char *key, enum suppress_where where,
                         const char *patterns)
{
    char *copy = memory_text(patterns), *save = NULL;
    for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        MEMORY_GROW(list->items, list->count, list->capacity);
        struct suppression *item = &list->items[list->count++];
        *item = (struct suppression){
            .text = memory_format("%s=%s", key, word), .kinds = GOROUTINES, .where = where};
        item->pattern = item->text + strlen(key) + 1;
    }
    free(copy);
}

static bool match(struct suppressions *list, const struct finding *finding, bool goroutines)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if ((list->items[i].where >= SUPPRESS_GO_ANY) != goroutines ||
            !item_matches(&list->items[i], finding))
            continue;
        list->items[i].hits++;
        return true;
    }
    return false;
}

bool suppressions_goroutine(struct suppressions *list, const struct finding *finding)
{
    return match(list, finding, true);
}

bool suppressions_match(struct suppressions *list, const struct finding *finding)
{
    return match(list, finding, false);
}

void suppressions_free(struct suppressions *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->items[i].text);
    free(list->items);
    free(list->file);
    *list = (struct suppressions){0};
}
