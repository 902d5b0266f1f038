/*
 * Findings: made, added to a list, told apart. Two findings are alike if kind, rule, object and the
 * lines of their sites agree: then they are one with a count. The fingerprint is looser, so that it
 * survives edits: no lines, no addresses.
 */
#include "analyzer/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/symbols.h"

static const char *const kind_words[FINDING_KIND_COUNT] = {
#define X(name, word, title) word,
    FINDING_KINDS(X)
#undef X
};

static const char *const kind_titles[FINDING_KIND_COUNT] = {
#define X(name, word, title) title,
    FINDING_KINDS(X)
#undef X
};

const char *finding_kind_word(enum finding_kind kind)
{
    return kind_words[kind];
}

const char *finding_kind_title(enum finding_kind kind)
{
    return kind_titles[kind];
}

const char *finding_certainty_word(enum finding_certainty certainty)
{
    switch (certainty) {
    case FINDING_PROVED:
        return "proved";
    case FINDING_PREDICTED:
        return "predicted";
    case FINDING_SUSPECTED:
        return "suspected";
    }
    return "suspected";
}

struct finding *finding_new(enum finding_kind kind, enum finding_certainty certainty,
                            const char *rule)
{
    struct finding *finding = memory_get(1, sizeof(*finding));
    finding->kind = kind;
    finding->certainty = certainty;
    finding->rule = rule;
    finding->count = 1;
    return finding;
}

void finding_set(char **member, const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = memory_text("(out of memory)");
    va_end(list);
    free(*member);
    *member = text;
}

struct part *finding_part(struct finding *finding, enum part_role role, uint32_t task,
                          struct stack stack)
{
    finding->parts =
        memory_resize(finding->parts, finding->part_count + 1, sizeof(*finding->parts));
    struct part *part = &finding->parts[finding->part_count++];
    *part = (struct part){.role = role, .task = task, .stack = stack};
    return part;
}

void finding_free(struct finding *finding)
{
    if (!finding)
        return;
    for (uint32_t i = 0; i < finding->part_count; i++) {
        free(finding->parts[i].text);
        stack_free(&finding->parts[i].stack);
    }
    free(finding->parts);
    free(finding->summary);
    free(finding->why);
    free(finding->evidence);
    free(finding->doubt);
    free(finding->advice);
    free(finding->object);
    free(finding->location);
    free(finding->test);
    free(finding);
}

const struct frame *stack_site(const struct stack *stack)
{
    for (uint32_t i = 0; i < stack->count; i++)
        if (stack->frames[i].own)
            return &stack->frames[i];
    return stack->count ? &stack->frames[0] : NULL;
}

/* Which parts say where the finding is: the two accesses, the waits, the creation, the misusing
 * call. */
static enum part_role site_role(enum finding_kind kind)
{
    switch (kind) {
    case FINDING_RACE:
        return PART_ACCESS;
    case FINDING_DEADLOCK:
    case FINDING_BLOCKED:
        return PART_WAIT;
    case FINDING_UNJOINED:
    case FINDING_LEAK:
        return PART_TASK;
    case FINDING_ENDING:
    case FINDING_MISUSE:
    case FINDING_KIND_COUNT:
        break;
    }
    return PART_EVENT;
}

/* The others have as many sites as tasks take part in them. */
static bool one_site(enum finding_kind kind)
{
    return kind != FINDING_RACE && kind != FINDING_DEADLOCK;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static int site_compare(const void *a, const void *b)
{
    const struct frame *x = *(const struct frame *const *)a, *y = *(const struct frame *const *)b;
    int order = strcmp(or_empty(x->file), or_empty(y->file));
    if (!order)
        order = (x->line > y->line) - (x->line < y->line);
    if (!order)
        order = strcmp(or_empty(x->function), or_empty(y->function));
    if (!order)
        order = (x->module_offset > y->module_offset) - (x->module_offset < y->module_offset);
    return order;
}

uint32_t finding_sites(const struct finding *finding, const struct frame **sites, uint32_t max)
{
    uint32_t count = 0, limit = one_site(finding->kind) ? 1 : max;
    for (uint32_t i = 0; i < finding->part_count && count < limit; i++) {
        const struct part *part = &finding->parts[i];
        const struct frame *site =
            part->role == site_role(finding->kind) ? stack_site(&part->stack) : NULL;
        if (site)
            sites[count++] = site;
    }
    qsort(sites, count, sizeof(*sites), site_compare);
    return count;
}

const char *frame_file(const struct frame *frame)
{
    const char *path = frame->file ? frame->file : frame->module;
    if (!path)
        return "?";
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *frame_place(const struct frame *frame)
{
    if (frame->file && frame->line > 0)
        return memory_format("%s:%d", frame_file(frame), frame->line);
    if (frame->module)
        return memory_format("%s+0x%llx", frame_file(frame),
                             (unsigned long long)frame->module_offset);
    return memory_format("0x%llx", (unsigned long long)frame->pc);
}

/* ---- telling them apart ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u;
}

static int word_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static uint64_t fingerprint(const struct finding *finding)
{
    const struct frame *sites[FINDING_SITES_MAX];
    char *words[FINDING_SITES_MAX];
    uint32_t count = finding_sites(finding, sites, FINDING_SITES_MAX);
    uint64_t hash = hash_text(0xcbf29ce484222325u, kind_words[finding->kind]);
    hash = hash_text(hash, finding->rule);
    for (uint32_t i = 0; i < count; i++)
        words[i] = sites[i]->function
                       ? memory_format("%s:%s", frame_file(sites[i]), sites[i]->function)
                       : memory_format("%s:+%llx", frame_file(sites[i]),
                                       (unsigned long long)sites[i]->module_offset);
    /* Sorted by these words and not by lines: an edit must not change the order. */
    qsort(words, count, sizeof(*words), word_compare);
    for (uint32_t i = 0; i < count; i++) {
        hash = hash_text(hash, words[i]);
        free(words[i]);
    }
    return hash;
}

bool finding_alike(const struct finding *a, const struct finding *b)
{
    const struct frame *x[FINDING_SITES_MAX], *y[FINDING_SITES_MAX];
    if (a->fingerprint != b->fingerprint || a->kind != b->kind || a->certainty != b->certainty ||
        strcmp(a->rule, b->rule) != 0 || strcmp(or_empty(a->object), or_empty(b->object)) != 0 ||
        strcmp(or_empty(a->test), or_empty(b->test)) != 0)
        return false;
    uint32_t count = finding_sites(a, x, FINDING_SITES_MAX);
    if (count != finding_sites(b, y, FINDING_SITES_MAX))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(or_empty(x[i]->file), or_empty(y[i]->file)) != 0 || x[i]->line != y[i]->line ||
            (!x[i]->line && x[i]->module_offset != y[i]->module_offset))
            return false;
    return true;
}

void finding_add(struct finding_list *list, struct finding *finding)
{
    finding->fingerprint = fingerprint(finding);
    for (uint32_t i = 0; i < list->count; i++) {
        if (finding_alike(list->items[i], finding)) {
            list->items[i]->count += finding->count;
            finding_free(finding);
            return;
        }
    }
    MEMORY_GROW(list->items, list->count, list->capacity);
    finding->order = list->count;
    list->items[list->count++] = finding;
}

void finding_list_free(struct finding_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        finding_free(list->items[i]);
    free(list->items);
    *list = (struct finding_list){0};
}
