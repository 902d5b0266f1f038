/*
 * Races as findings: both accesses with their stacks and locks, what memory it was and where it
 * came from, who the tasks are, and why nothing orders the two. Samples of all workers are sorted
 * by their place in the trace, so that the report does not depend on how many workers there were.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/describe.h"
#include "analyzer/evidence.h"
#include "analyzer/memory.h"
#include "analyzer/race_source.h"
#include "analyzer/truth.h"

#define FRAMES_SHOWN 256u

struct found {
    const struct race_places *places;
    const struct race_pair *pair;
    const struct race_sample *sample;
    uint64_t low, high; /* source lines of the two sites */
    const char *rule;
    char *variable; /* NULL if the memory has no name */
    struct verdict verdict;
    bool folded;
    uint64_t count;
};

/* ---- words ---- */

static const struct race_site *site_of(const struct race_places *places, uint32_t site)
{
    return &places->sites[site >> RACE_SITE_SHIFT];
}

static unsigned first_byte(uint64_t mask)
{
    return mask ? (unsigned)__builtin_ctzll(mask) : 0;
}

/* The extent of an access: what the instruction says, else the first stretch of bytes. */
static unsigned access_size(const struct race_site *site, uint64_t mask)
{
    if (!(site->kind & RACE_KIND_FREE) && TRACE_KIND_SIZE(site->kind & 0xff) <= 6)
        return 1u << TRACE_KIND_SIZE(site->kind & 0xff);
    uint64_t rest = ~(mask >> first_byte(mask));
    return rest ? (unsigned)__builtin_ctzll(rest) : 64;
}

static const char *access_word(const struct race_site *site)
{
    bool write = site->kind & TRACE_KIND_WRITE;
    if (site->kind & RACE_KIND_FREE)
        return "free";
    if ((site->kind & TRACE_KIND_MARKED) == TRACE_KIND_MARKED)
        return write ? "store to an atomic word" : "load of an atomic word";
    if (site->kind & TRACE_KIND_ATOMIC)
        return write ? "atomic write" : "atomic read";
    if (site->kind & TRACE_KIND_BOTH && site->kind & RACE_KIND_MACHINE)
        return "read-modify-write";
    if (site->kind & TRACE_KIND_VPTR)
        return write ? "write of a vtable pointer" : "read of a vtable pointer";
    return write ? "write" : "read";
}

static char *held_text(const struct analysis *analysis, const struct race_places *places,
                       uint32_t number)
{
    const struct race_held *held = &places->held[number];
    char *text = NULL;
    for (uint32_t i = 0; i < held->count; i++) {
        char *object = describe_object(analysis, held->words[i] >> 1);
        char *longer = memory_format("%s%s%s%s", text ? text : "", text ? ", " : "", object,
                                     held->words[i] & 1 ? " for reading" : "");
        free(object);
        free(text);
        text = longer;
    }
    return text;
}

static struct stack entry_stack(const struct analysis *analysis, const struct race_places *places,
                                uint64_t pc, uint32_t frame)
{
    uint64_t pcs[FRAMES_SHOWN];
    uint32_t count = 0;
    pcs[count++] = pc;
    for (; frame && count < FRAMES_SHOWN; frame = places->frames[frame].parent)
        pcs[count++] = places->frames[frame].pc;
    return symbols_stack(analysis->symbols, pcs, count, false);
}

/* ---- parts ---- */

static void add_access(const struct analysis *analysis, struct finding *finding,
                       const struct found *found, const struct race_entry *entry, bool previous)
{
    const struct race_sample *sample = found->sample;
    const struct race_site *site = site_of(found->places, entry->site);
    struct part *part = finding_part(finding, PART_ACCESS, entry->task,
                                     entry_stack(analysis, found->places, site->pc, entry->frame));
    char *task = describe_task(analysis, entry->task);
    char *held = held_text(analysis, found->places, entry->held);
    char *what =
        site->kind & RACE_KIND_FREE
            ? memory_format("free of the block of size %llu at 0x%llx",
                            (unsigned long long)sample->block.size,
                            (unsigned long long)sample->block.address)
            : memory_format("%s of size %u at 0x%llx", access_word(site),
                            access_size(site, entry->mask),
                            (unsigned long long)(sample->address + first_byte(sample->mask)));
    if (!previous)
        what[0] = (char)(what[0] - 'a' + 'A');
    finding_set(&part->text, "%s%s by %s%s%s%s%s", previous ? "Previous " : "", what, task,
                site->kind & TRACE_KIND_RANGE && !(site->kind & RACE_KIND_FREE)
                    ? " in a library function"
                    : "",
                held ? " (holding " : "", held ? held : "", held ? ")" : "");
    free(what);
    free(held);
    free(task);
}

/* A variable that each task has its own of, named by the program's debug information. */
static bool add_thread_variable(const struct analysis *analysis, struct finding *finding,
                                uint64_t address, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    struct variable variable;
    if (!task || !symbols_thread_variable(analysis->symbols, address, task->handle, &variable))
        return false;
    char *owner = describe_task(analysis, id);
    finding_set(&finding->location, "thread-local '%s' of %s, defined at %s:%d", variable.name,
                owner, variable.file ? variable.file : "?", variable.line);
    finding_set(&finding->object, "%s", variable.name);
    variable_free(&variable);
    free(owner);
    return true;
}

static void add_block(const struct analysis *analysis, struct finding *finding,
                      const struct found *found)
{
    const struct race_sample *sample = found->sample;
    const struct race_block *block = &sample->block;
    char *task = describe_task(analysis, block->task);
    uint64_t offset = sample->address + first_byte(sample->mask) - block->address;
    if (sample->address + first_byte(sample->mask) < block->address)
        offset = 0;
    if (block->kind == TRACE_ALLOC_STACK) {
        uint64_t address = sample->address + first_byte(sample->mask);
        if (!add_thread_variable(analysis, finding, address, block->task))
            finding_set(&finding->location, "stack of %s", task);
        free(task);
        return;
    }
    const char *what = block->kind == TRACE_ALLOC_MAP ? "mapping" : "heap block";
    finding_set(&finding->location, "%s of size %llu at 0x%llx, offset %llu, allocated by %s", what,
                (unsigned long long)block->size, (unsigned long long)block->address,
                (unsigned long long)offset, task);
    struct part *part = finding_part(finding, PART_LOCATION, block->task,
                                     entry_stack(analysis, found->places, block->pc, block->frame));
    finding_set(&part->text,
                "Location is a %s of size %llu at 0x%llx (offset %llu), allocated by %s", what,
                (unsigned long long)block->size, (unsigned long long)block->address,
                (unsigned long long)offset, task);
    free(task);
}

/* Memory that no block record tells of: a variable, a task's stack, thread-local storage. */
static void add_location(const struct analysis *analysis, struct finding *finding,
                         const struct found *found)
{
    uint64_t address = found->sample->address + first_byte(found->sample->mask);
    if (found->sample->block.address) {
        add_block(analysis, finding, found);
        return;
    }
    finding->location = describe_location(analysis, address);
    if (!finding->location && add_thread_variable(analysis, finding, address, 1))
        return;
    for (uint32_t i = 1; i < analysis->trace->task_count && !finding->location; i++) {
        const struct trace_task *task = trace_task(analysis->trace, i);
        if (!task || address < task->stack_low || address >= task->stack_high)
            continue;
        if (i != found->sample->before.task && i != found->sample->after.task &&
            task->state == TRACE_TASK_ENDED)
            continue; /* its stack has been somebody else's since, most likely */
        char *text = describe_task(analysis, i);
        finding_set(&finding->location, "stack of %s", text);
        free(text);
    }
}

static void add_task(const struct analysis *analysis, struct finding *finding, uint32_t id)
{
    const struct trace_task *task = trace_task(analysis->trace, id);
    if (!task || task->flags & TRACE_TASK_MAIN)
        return;
    for (uint32_t i = 0; i < finding->part_count; i++)
        if (finding->parts[i].role == PART_TASK && finding->parts[i].task == id)
            return;
    char *name = describe_task(analysis, id);
    name[0] = (char)toupper((unsigned char)name[0]);
    if (task->flags & TRACE_TASK_FOREIGN) {
        struct part *part = finding_part(finding, PART_TASK, id, (struct stack){NULL, 0});
        finding_set(&part->text, "%s was created by a way that is not recorded", name);
    } else {
        char *parent = describe_task(analysis, task->parent);
        struct part *part = finding_part(finding, PART_TASK, id,
                                         symbols_stack_id(analysis->symbols, task->create_stack));
        finding_set(&part->text, "%s was created by %s", name, parent);
        free(parent);
    }
    free(name);
}

/* The last synchronisation of one side: from whom it last learned something. */
static void add_last_sync(const struct analysis *analysis, struct finding *finding,
                          const struct found *found, const struct race_entry *entry)
{
    const struct order_edge *edge =
        entry == &found->sample->before ? &found->sample->last_before : &found->sample->last_after;
    char *task = describe_task(analysis, entry->task);
    const char *access = access_word(site_of(found->places, entry->site));
    struct stack stack = {NULL, 0};
    if (edge->from == ORDER_DROPPED) {
        finding_set(&finding_part(finding, PART_EVENT, entry->task, stack)->text,
                    "Before its %s, %s had not synchronised with any other task", access, task);
        free(task);
        return;
    }
    const struct trace_object *object = trace_object(analysis->trace, edge->object);
    const struct trace_task *self = trace_task(analysis->trace, entry->task);
    bool task_edge = !object || object->kind == TRACE_OBJECT_TASK; /* of a goroutine: by none */
    bool start = self && task_edge && edge->from == self->parent &&
                 edge->from_segment == self->parent_segment;
    if (edge->pc && !start)
        stack = symbols_stack(analysis->symbols, &edge->pc, 1, false);
    char *from = describe_task(analysis, edge->from);
    struct part *part = finding_part(finding, PART_EVENT, entry->task, stack);
    if (start) {
        finding_set(&part->text,
                    "The last synchronisation of %s before its %s was its creation by %s", task,
                    access, from);
    } else {
        char *by = describe_object(analysis, edge->object);
        finding_set(&part->text, "The last synchronisation of %s before its %s was with %s, by %s",
                    task, access, from, by);
        free(by);
    }
    free(from);
    free(task);
}

static void add_why(const struct analysis *analysis, struct finding *finding,
                    const struct found *found)
{
    const struct race_entry *before = &found->sample->before, *after = &found->sample->after;
    char *first = describe_task(analysis, before->task),
         *second = describe_task(analysis, after->task);
    const char *access = access_word(site_of(found->places, before->site));
    const char *other = access_word(site_of(found->places, after->site));
    char *text = NULL;
    if (found->sample->known)
        text = memory_format("%s is after %s only up to a point before its %s; no synchronisation "
                             "leads from there to the %s of %s",
                             second, first, access, other, second);
    else
        text = memory_format("%s is after nothing that %s did; no synchronisation leads from the "
                             "%s of %s to its %s",
                             second, first, access, first, other);
    text[0] = (char)(text[0] >= 'a' && text[0] <= 'z' ? text[0] - 'a' + 'A' : text[0]);
    finding_set(&finding->why, "%s", text);
    free(text);
    free(first);
    free(second);
}

/* ---- findings ---- */

/* A hash of the file and line an access stands at, as a reader sees it; of the instruction if no
 * line is known. */
static uint64_t source_line(const struct analysis *analysis, uint64_t pc)
{
    struct stack stack = symbols_stack(analysis->symbols, &pc, 1, false);
    const struct frame *frame = stack_site(&stack);
    uint64_t hash = pc;
    if (frame && frame->file && frame->line > 0) {
        hash = (uint64_t)frame->line;
        for (const char *c = frame->file; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    }
    stack_free(&stack);
    return hash;
}

static const char *rule_of(const struct race_site *a, const struct race_site *b)
{
    if ((a->kind | b->kind) & RACE_KIND_FREE)
        return "free-race";
    if ((a->kind ^ b->kind) & TRACE_KIND_ATOMIC)
        return "mixed-race";
    return "data-race";
}

static struct finding *make_finding(struct analysis *analysis, const struct found *found,
                                    enum finding_certainty certainty, const char *rule)
{
    const struct race_sample *sample = found->sample;
    const struct race_entry *before = &sample->before, *after = &sample->after;
    const struct race_site *first = site_of(found->places, before->site);
    const struct race_site *second = site_of(found->places, after->site);
    struct finding *finding = finding_new(FINDING_RACE, certainty, rule);
    finding->count = found->count > UINT32_MAX ? UINT32_MAX : (uint32_t)found->count;
    add_access(analysis, finding, found, after, false);
    add_access(analysis, finding, found, before, true);
    add_location(analysis, finding, found);
    add_task(analysis, finding, after->task);
    add_task(analysis, finding, before->task);
    add_last_sync(analysis, finding, found, after);
    add_last_sync(analysis, finding, found, before);
    add_why(analysis, finding, found);
    if (found->variable)
        finding->object = memory_text(found->variable);
    char *task = describe_task(analysis, before->task);
    char *other = describe_task(analysis, after->task);
    const char *name = finding->object;
    const char *memory = sample->block.kind == TRACE_ALLOC_HEAP    ? "a heap block"
                         : sample->block.kind == TRACE_ALLOC_STACK ? "a variable on a stack"
                         : sample->block.kind == TRACE_ALLOC_MAP   ? "mapped memory"
                                                                   : "memory without a name";
    finding_set(&finding->summary, "data race on %s%s%s: %s by %s and %s by %s", name ? "'" : "",
                name ? name : memory, name ? "'" : "", access_word(first), task,
                access_word(second), other);
    if (strcmp(rule, "mixed-race") == 0)
        finding->advice = memory_text("An atomic access does not protect a plain one: make every "
                                      "access to it atomic, or guard all of them by one lock.");
    else if (strcmp(rule, "free-race") == 0)
        finding->advice = memory_text("Wait for the other task (join it, or count references) "
                                      "before the memory is freed.");
    free(task);
    free(other);
    return finding;
}

static void add_finding(struct analysis *analysis, const struct found *found)
{
    bool proved = found->verdict.outcome == TRUTH_PROVED;
    struct finding *finding =
        make_finding(analysis, found, proved ? FINDING_PROVED : FINDING_SUSPECTED, found->rule);
    if (found->verdict.evidence)
        finding_set(&finding->evidence, "not atomic: %s", found->verdict.evidence);
    if (found->verdict.doubt)
        finding_set(&finding->doubt, "%s", found->verdict.doubt);
    analysis_add(analysis, finding);
}

/* ---- words that could be flags ---- */

/* "May be ordered by it: write at a.c:12 and read at a.c:30 of 'data'" */
static void add_other(const struct analysis *analysis, struct finding *finding,
                      const struct found *found)
{
    bool same = found->verdict.outcome == TRUTH_WORD;
    const struct race_entry *entries[] = {&found->sample->before, &found->sample->after};
    char *places[2];
    for (unsigned i = 0; i < 2; i++) {
        const struct race_site *site = site_of(found->places, entries[i]->site);
        struct stack stack = symbols_stack(analysis->symbols, &site->pc, 1, false);
        const struct frame *frame = stack_site(&stack);
        char *place =
            frame ? frame_place(frame) : memory_format("0x%llx", (unsigned long long)site->pc);
        places[i] = memory_format("%s at %s", access_word(site), place);
        free(place);
        stack_free(&stack);
    }
    struct part *part = finding_part(finding, same ? PART_ALSO : PART_EXPLAINED,
                                     found->sample->after.task, (struct stack){NULL, 0});
    const char *variable = same ? NULL : found->variable;
    finding_set(&part->text, "%s: %s and %s%s%s%s",
                same ? "The same word, unordered too" : "May be ordered by it", places[0],
                places[1], variable ? " of '" : "", variable ? variable : "", variable ? "'" : "");
    free(places[0]);
    free(places[1]);
}

#define OTHERS_SHOWN 32u /* of each kind */

static void tell_flag(struct finding *finding, const struct found *flag, uint32_t explained)
{
    const char *name = finding->object;
    finding_set(&finding->summary,
                "%s%s%s looks like synchronisation made by hand: plain stores and loads of it, "
                "unordered, may order %u other race%s",
                name ? "'" : "", name ? name : "a word", name ? "'" : "", explained,
                explained == 1 ? "" : "s");
    finding_set(
        &finding->doubt,
        "the machine code does not show whether the accesses to it are atomic operations%s; "
        "then all of this is in order",
        flag->verdict.overwrites ? ", and two of its stores may overwrite each other even so" : "");
    finding_set(&finding->advice,
                "Make it atomic in the source, with release and acquire, or use a lock. A build by "
                "gorocheck cc, or debug information, settles which it is.");
}

/* One finding for a word, and all that it may have ordered. */
static void add_group(struct analysis *analysis, const struct found *found, uint32_t count,
                      const struct found *flag)
{
    uint32_t others[2] = {0, 0}, *const explained = &others[0];
    for (uint32_t i = 0; i < count; i++)
        *explained += !found[i].folded && found[i].verdict.group == flag->verdict.group &&
                      found[i].verdict.outcome == TRUTH_EXPLAINED;
    bool orders = *explained > 0;
    struct finding *finding = make_finding(analysis, flag, FINDING_SUSPECTED,
                                           orders ? "hand-made-synchronisation" : flag->rule);
    if (orders)
        tell_flag(finding, flag, *explained);
    else
        finding_set(&finding->doubt, "%s", flag->verdict.doubt);
    if (flag->verdict.evidence)
        finding_set(&finding->evidence, "not atomic: %s", flag->verdict.evidence);
    memset(others, 0, sizeof(others));
    for (uint32_t i = 0; i < count; i++) {
        if (found[i].folded || found[i].verdict.group != flag->verdict.group || &found[i] == flag)
            continue;
        if (others[found[i].verdict.outcome == TRUTH_WORD]++ < OTHERS_SHOWN)
            add_other(analysis, finding, &found[i]);
    }
    analysis_add(analysis, finding);
}

/* Flags with stores that may overwrite each other come first. */
static void add_groups(struct analysis *analysis, struct found *found, uint32_t count)
{
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t group = found[i].verdict.group;
            bool first = group && !found[i].folded && found[i].verdict.overwrites == (pass == 0);
            const struct found *flag = &found[i];
            for (uint32_t j = 0; j < count && first; j++) {
                if (found[j].verdict.group != group || found[j].folded)
                    continue;
                first = j >= i;
                if (flag->verdict.outcome != TRUTH_WORD && found[j].verdict.outcome == TRUTH_WORD)
                    flag = &found[j];
            }
            if (first)
                add_group(analysis, found, count, flag);
        }
    }
}

/* "table[3].count" and "table[4].count" are one thing to fold: compares without what is in
 * brackets. */
static bool same_name(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    while (*a && *a == *b) {
        if (*a == '[') {
            a = strchr(a, ']');
            b = strchr(b, ']');
            if (!a || !b)
                return false;
        }
        a++;
        b++;
    }
    return *a == *b;
}

static bool same_place(const struct found *a, const struct found *b)
{
    const struct race_block *x = &a->sample->block, *y = &b->sample->block;
    if (a->low != b->low || a->high != b->high || a->rule != b->rule ||
        a->verdict.group != b->verdict.group)
        return false;
    if (x->address || y->address)
        return x->address && y->address && x->kind == y->kind &&
               (x->kind == TRACE_ALLOC_STACK || x->pc == y->pc);
    return same_name(a->variable, b->variable);
}

static int compare_found(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->sample->position != y->sample->position)
        return x->sample->position < y->sample->position ? -1 : 1;
    if (x->sample->address != y->sample->address)
        return x->sample->address < y->sample->address ? -1 : 1;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return x->high < y->high ? -1 : x->high > y->high;
}

static void name_variable(const struct analysis *analysis, struct found *found)
{
    struct variable variable;
    uint64_t address = found->sample->address + first_byte(found->sample->mask);
    if (found->sample->block.address || !symbols_variable(analysis->symbols, address, &variable))
        return;
    found->variable = memory_text(variable.name);
    variable_free(&variable);
}

/* All samples that are worth a finding, in the order of the trace. */
static struct found *collect(struct analysis *analysis, struct race_worker *workers,
                             uint32_t worker_count, uint32_t *found_count)
{
    struct found *found = NULL;
    uint32_t count = 0, capacity = 0;
    struct truth *truth = truth_new(analysis, workers, worker_count);
    for (uint32_t w = 0; w < worker_count; w++) {
        analysis->coverage.ignored_races += workers[w].history.ignored_races;
        for (uint32_t p = 1; p < workers[w].history.pair_count; p++) {
            const struct race_pair *pair = &workers[w].history.pairs[p];
            const struct race_site *first = site_of(&workers[w].source->places, pair->low);
            const struct race_site *second = site_of(&workers[w].source->places, pair->high);
            if (evidence_is_copy(analysis, first) || evidence_is_copy(analysis, second)) {
                analysis->coverage.copy_races += pair->count;
                continue;
            }
            uint64_t a = source_line(analysis, first->pc), b = source_line(analysis, second->pc);
            for (uint32_t s = 0; s < pair->sample_count; s++) {
                if (!race_guess_holds(&workers[w].history, &pair->samples[s]))
                    continue;
                struct verdict verdict = truth_of(truth, w, p, s);
                if (verdict.outcome == TRUTH_ATOMIC) {
                    analysis->coverage.atomic_races += s == 0;
                    verdict_free(&verdict);
                    continue;
                }
                MEMORY_GROW(found, count, capacity);
                found[count++] = (struct found){.places = &workers[w].source->places,
                                                .pair = pair,
                                                .sample = &pair->samples[s],
                                                .low = a < b ? a : b,
                                                .high = a < b ? b : a,
                                                .rule = rule_of(first, second),
                                                .verdict = verdict,
                                                .count = s == 0 ? pair->count : 0};
            }
        }
    }
    truth_free(truth);
    if (count)
        qsort(found, count, sizeof(*found), compare_found);
    *found_count = count;
    return found;
}

/* Folds what a reader would call the same race into the surest of them. */
static void fold(struct found *found, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (found[i].folded)
            continue;
        uint32_t best = i;
        uint64_t times = found[i].count;
        for (uint32_t j = i + 1; j < count; j++) {
            if (found[j].folded || !same_place(&found[i], &found[j]))
                continue;
            found[j].folded = true;
            times += found[j].count;
            if (found[j].verdict.outcome < found[best].verdict.outcome)
                best = j;
        }
        found[best].count = times ? times : 1; /* else its pair's count is told elsewhere */
        if (best != i) { /* in the place of the first, so that the order stays */
            struct found swap = found[i];
            found[i] = found[best];
            found[best] = swap;
            found[i].folded = false;
            found[best].folded = true;
        }
    }
}

void race_report(struct analysis *analysis, struct race_worker *workers, uint32_t count)
{
    uint32_t found_count;
    struct found *found = collect(analysis, workers, count, &found_count);
    for (uint32_t i = 0; i < found_count; i++)
        name_variable(analysis, &found[i]);
    fold(found, found_count);
    for (uint32_t i = 0; i < found_count; i++)
        if (!found[i].folded && !found[i].verdict.group)
            add_finding(analysis, &found[i]);
    add_groups(analysis, found, found_count);
    for (uint32_t i = 0; i < found_count; i++) {
        verdict_free(&found[i].verdict);
        free(found[i].variable);
    }
    free(found);
}
