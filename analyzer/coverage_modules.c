/*
 * What the coverage statement says of modules. A module that was loaded several times is named once. Of many, those are
 * named of which least was recorded; the others are added up, unless verbosity asks for all.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/report.h"

#define NAMED 12u /* modules of one sentence */

enum group { GROUP_PATCHED, GROUP_INSTRUMENTED, GROUP_REFUSED, GROUP_UNSEEN, GROUP_SYSTEM, GROUPS };

struct member {
    const char *path;
    bool main;
    uint32_t times, refused, place; /* which one it is */
    uint64_t seen, candidates, uncalled;
};

struct members {
    struct member *list;
    uint32_t count, capacity;
};

static bool is_system(const char *path)
{
    static const char *const folders[] = {"/lib/",       "/lib64/", "/usr/lib/",
                                          "/usr/lib64/", "[",       "/dev/"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (!strncmp(path, folders[i], strlen(folders[i])))
            return true;
    return false;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The recorder, the stub, the decoder that the recorder loads for itself, and what is no file (the vdso). */
static bool is_our_own(const struct trace_module *module, const char *path)
{
    static const char *const names[] = {"libtsan.so.2", "libZydis.so.", "libZycore.so."};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strncmp(last_part(path), names[i], strlen(names[i])))
            return true;
    return module->flags & TRACE_MODULE_RUNTIME || !strchr(path, '/');
}

static enum group group_of(const struct trace_module *module, const char *path, int verbosity)
{
    if (module->flags & TRACE_MODULE_ABI)
        return GROUP_INSTRUMENTED;
    if (module->flags & TRACE_MODULE_PATCHED)
        return GROUP_PATCHED;
    if (module->flags & TRACE_MODULE_REFUSED)
        return GROUP_REFUSED;
    bool system = is_system(path) && !(module->flags & TRACE_MODULE_MAIN) && verbosity < 1;
    return system ? GROUP_SYSTEM : GROUP_UNSEEN;
}

static struct member *member_of(struct members *members, const char *path, uint32_t refused)
{
    for (uint32_t i = 0; i < members->count; i++)
        if (members->list[i].refused == refused && !strcmp(members->list[i].path, path))
            return &members->list[i];
    MEMORY_GROW(members->list, members->count, members->capacity);
    members->list[members->count] =
        (struct member){.path = path, .refused = refused, .place = members->count};
    return &members->list[members->count++];
}

static void collect(struct members *groups, const struct trace *trace, int verbosity)
{
    for (uint32_t i = 0; i < trace->module_count; i++) {
        const struct trace_module *module = &trace->modules[i];
        const char *path = module->path[0] ? module->path : trace->process.executable;
        if (!module->state || is_our_own(module, path))
            continue;
        enum group group = group_of(module, path, verbosity);
        struct member *member =
            member_of(&groups[group], path, group == GROUP_REFUSED ? module->refused : 0);
        member->times++;
        member->main |= (module->flags & TRACE_MODULE_MAIN) != 0;
        member->seen += module->seen;
        member->candidates += module->candidates;
        member->uncalled += module->uncalled;
    }
}

static int order(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    uint64_t without_a = a->candidates - a->seen, without_b = b->candidates - b->seen;
    if (a->main != b->main)
        return a->main ? -1 : 1;
    if (without_a != without_b)
        return without_a > without_b ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static const char *refusal(uint32_t number)
{
    static const char *const texts[] = {
#define REFUSED(name, text) text,
#include "trace/refused.def"
#undef REFUSED
    };
    return number && number <= sizeof(texts) / sizeof(texts[0]) ? texts[number - 1]
                                                                : "its code could not be patched";
}

/* What is said of it, in brackets, if anything. */
static char *details(const struct member *member, enum group group)
{
    char *text = NULL;
    if (group == GROUP_PATCHED && member->uncalled)
        text = memory_format(
            "%llu of %llu; %llu function%s never called", (unsigned long long)member->seen,
            (unsigned long long)member->candidates, (unsigned long long)member->uncalled,
            member->uncalled == 1 ? " was" : "s were");
    else if (group == GROUP_PATCHED)
        text = memory_format("%llu of %llu", (unsigned long long)member->seen,
                             (unsigned long long)member->candidates);
    else if (group == GROUP_REFUSED)
        text = memory_text(refusal(member->refused));
    if (member->times < 2)
        return text;
    char *more =
        memory_format("%s%sloaded %u times", text ? text : "", text ? "; " : "", member->times);
    free(text);
    return more;
}

static char *join(char *list, const char *between, char *more)
{
    char *longer = list ? memory_format("%s%s%s", list, between, more) : memory_text(more);
    free(list);
    free(more);
    return longer;
}

static char *name(const struct member *member, enum group group)
{
    char *text = details(member, group);
    char *named = text ? memory_format("%s (%s)", last_part(member->path), text)
                       : memory_text(last_part(member->path));
    free(text);
    return named;
}

/* All of them, or the first and how many there are besides; NULL: there are none. */
static char *names(struct members *members, enum group group, int verbosity)
{
    uint32_t shown = members->count;
    if (verbosity < 1 && shown > NAMED) {
        shown = NAMED - 1;
        qsort(members->list, members->count, sizeof(*members->list), order);
    }
    char *list = NULL;
    for (uint32_t i = 0; i < shown; i++)
        list = join(list, ", ", name(&members->list[i], group));
    if (shown == members->count)
        return list;
    struct member rest = {.times = 1};
    for (uint32_t i = shown; i < members->count; i++) {
        rest.seen += members->list[i].seen;
        rest.candidates += members->list[i].candidates;
        rest.uncalled += members->list[i].uncalled;
    }
    char *text = group == GROUP_PATCHED ? details(&rest, group) : NULL;
    char *others = memory_format("%u others%s%s%s (verbosity=1 names them)", members->count - shown,
                                 text ? " (" : "", text ? text : "", text ? ")" : "");
    free(text);
    return join(list, " and ", others);
}

void coverage_modules(struct sentences *out, const struct trace *trace, int verbosity)
{
    struct members groups[GROUPS] = {{0}};
    char *list[GROUPS];
    collect(groups, trace, verbosity);
    for (int i = 0; i < GROUPS; i++)
        list[i] = i == GROUP_SYSTEM ? NULL : names(&groups[i], (enum group)i, verbosity);
    uint32_t system = groups[GROUP_SYSTEM].count;
    if (system)
        list[GROUP_UNSEEN] =
            join(list[GROUP_UNSEEN], ", ",
                 memory_format("%u system librar%s", system, system == 1 ? "y" : "ies"));
    const char *patched = list[GROUP_PATCHED], *seen = list[GROUP_INSTRUMENTED],
               *unseen = list[GROUP_UNSEEN], *refused = list[GROUP_REFUSED];
    if (patched)
        sentences_add(
            out,
            "patched when loaded (recorded instructions of those that may touch shared memory): %s",
            patched);
    if (seen && unseen)
        sentences_add(out, "accesses were recorded in: %s; not in: %s", seen, unseen);
    else if (seen)
        sentences_add(out, "accesses were recorded in: %s", seen);
    else if (patched && unseen)
        sentences_add(out, "accesses were not recorded in: %s", unseen);
    else if (!patched)
        sentences_add(
            out, "memory accesses were not recorded: no module is instrumented (gorocheck cc) or "
                 "patched (patch=); data races could not be seen");
    if (trace->process.patch_refused[0])
        sentences_add(out, "modules that were to be patched could not be: %s",
                      trace->process.patch_refused);
    if (refused)
        sentences_add(out, "not patched when loaded, their accesses were not recorded: %s",
                      refused);
    if (trace->process.flags & TRACE_PROCESS_MADE_CODE)
        sentences_add(
            out,
            "it made code at run time (a JIT compiler, say), whose accesses were not recorded");
    if (trace->process.flags & TRACE_PROCESS_OWN_HEAP)
        sentences_add(
            out,
            "malloc is the program's own or that of a library before the recorder (LD_PRELOAD): "
            "blocks of the heap were not seen, and races on them may be of two blocks");
    for (int i = 0; i < GROUPS; i++) {
        free(groups[i].list);
        free(list[i]);
    }
}
