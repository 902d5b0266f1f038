/*
 * Writes docs/primitives.md from the tables of trace/: `make docs`. The page can then say nothing
 * that the recorder does not do, and `make check-docs` fails when it is out of date.
 */
#include <stdio.h>

#include "trace/primitives.h"

static const struct {
    uint32_t bit;
    const char *text;
} effects[] = {
    {VERB_USE, "the object must be live"},
    {VERB_MAY_BLOCK, "may block"},
    {VERB_TIMED, "with a deadline"},
    {VERB_ACQUIRE, "acquires"},
    {VERB_RELEASE, "releases"},
    {VERB_RELEASE_JOIN, "releases, joining"},
    {VERB_HOLD, "holds it"},
    {VERB_DROP, "lets it go"},
    {VERB_SHARED, "shared"},
    {VERB_TRY, "gives up instead of waiting"},
    {VERB_WAKE, "wakes waiters"},
    {VERB_TAKE, "takes one of what was posted"},
    {VERB_INIT_CHECK, "must not be live yet"},
    {VERB_INIT, "begins its life"},
    {VERB_END, "ends its life"},
    {VERB_CONSISTENT, "becomes consistent"},
};

static void print_effects(uint32_t bits)
{
    const char *comma = "";
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
        if (!(bits & effects[i].bit))
            continue;
        printf("%s%s", comma, effects[i].text);
        comma = ", ";
    }
    if (!bits)
        printf("-");
}

static void print_verbs(void)
{
    printf("## Verbs\n\n"
           "What a call does to its object. *After* takes effect only if the call succeeded.\n\n"
           "| verb | before the real call | after it | a task stuck in it is |\n"
           "|---|---|---|---|\n");
    for (int i = 0; i < VERB_COUNT; i++) {
        const struct trace_verb_facts *verb = &trace_verbs[i];
        printf("| %s | ", verb->name);
        print_effects(verb->before);
        printf(" | ");
        print_effects(verb->after);
        printf(" | %s |\n", verb->text[0] ? verb->text : "-");
    }
}

static void print_primitives(void)
{
    printf("\n## Primitives\n\n"
           "%d functions. *Releases*: what the task did before is before whatever a task does "
           "after it *acquires* the same object.\n",
           PRIMITIVE_COUNT - 1);
    for (int kind = 0; kind < TRACE_OBJECT_KIND_COUNT; kind++) {
        int rows = 0;
        for (int i = 1; i < PRIMITIVE_COUNT; i++) {
            const struct trace_primitive_facts *row = &trace_primitives[i];
            if ((int)row->kind != kind)
                continue;
            if (!rows++)
                printf("\n### %s\n\n| function | verb |\n|---|---|\n",
                       trace_object_kind_text[kind]);
            printf("| `%s` | %s |\n", row->name, trace_verbs[row->verb].name);
        }
    }
}

static void print_misuses(void)
{
    printf("\n## Misuse that is reported\n\n| name | text |\n|---|---|\n");
    for (int i = 1; i < TRACE_MISUSE_COUNT; i++)
        printf("| `%s` | %s ... |\n", trace_misuse_name[i], trace_misuse_text[i]);
}

int main(void)
{
    printf(
        "<!-- Written by `make docs` from trace/verbs.def and trace/primitives.def. Edit those. -->\n"
        "# Primitives that are recorded\n\n");
    print_verbs();
    print_primitives();
    print_misuses();
    return ferror(stdout) ? 1 : 0;
}
