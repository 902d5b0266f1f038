/*
 * A race as a finding: both accesses with their stacks and locks, what memory it was and where it came from, who the tasks
 * are, and why nothing orders the two.
 */
#include "analyzer/race_finding.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/describe.h"
#include "analyzer/evidence.h"
#include "analyzer/memory.h"

#define FRAMES_SHOWN 256u

/* ---- words ---- */

/* 64 if there is none. */
static unsigned first_byte_after(uint64_t mask, unsigned from)
{
    uint64_t rest = from < 64 ? mask >> from << from : 0;
    return rest ? (unsigned)__builtin_ctzll(rest) : 64;
}

/* The extent of an access: what the instruction says, else the first stretch of bytes. */
static unsigned access_size(const struct race_site *site, uint64_t mask)
{
    if (!(site->kind & RACE_KIND_FREE) && evidence_size(site) > 0)
        return evidence_size(site);
    uint64_t rest =
        ~(mask >> race_first_byte(mask)); /* (also of one of several, by the bytes that race) */
    return rest ? (unsigned)__builtin_ctzll(rest) : 64;
}

const char *race_access_word(const struct race_site *site)
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
    const struct race_site *site = race_site_of(found->places, entry->site);
    struct part *part = finding_part(finding, PART_ACCESS, entry->task,
                                     entry_stack(analysis, found->places, site->pc, entry->frame));
    char *task = describe_task(analysis, entry->task);
    char *held = held_text(analysis, found->places, entry->held);
    char *what =
        site->kind & RACE_KIND_FREE
            ? memory_format("free of the block of size %llu at 0x%llx",
                            (unsigned long long)sample->block.size,
                            (unsigned long long)sample->block.address)
            : memory_format(
                  "%s of size %u at 0x%llx", race_access_word(site),
                  access_size(site, evidence_is_several(site) ? sample->mask : entry->mask),
                  (unsigned long long)(sample->address + race_first_byte(sample->mask)));
    if (!previous)
        what[0] = (char)(what[0] - 'a' + 'A');
    finding_set(
        &part->text, "%s%s by %s%s%s%s%s%s", previous ? "Previous " : "", what, task,
        site->kind & TRACE_KIND_RANGE && !(site->kind & RACE_KIND_FREE) ? " in a library function"
                                                                        : "",
        held ? " (holding " : "", held ? held : "", held ? ")" : "",
        evidence_is_several(site) ? " (one of several to its line; the first was here)" : "");
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
    uint64_t offset = sample->address + race_first_byte(sample->mask) - block->address;
    if (sample->address + race_first_byte(sample->mask) < block->address)
        offset = 0;
    if (block->kind == TRACE_ALLOC_STACK) {
        uint64_t address = sample->address + race_first_byte(sample->mask);
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
    uint64_t address = found->sample->address + race_first_byte(found->sample->mask);
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
    const char *access = race_access_word(race_site_of(found->places, entry->site));
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
    const char *access = race_access_word(race_site_of(found->places, before->site));
    const char *other = race_access_word(race_site_of(found->places, after->site));
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

/* Where several accesses are one record, the bytes that race may be of several variables. */
static void add_variables(const struct analysis *analysis, struct finding *finding,
                          const struct found *found)
{
    const struct race_sample *sample = found->sample;
    char *last = memory_text(found->variable ? found->variable : "");
    for (unsigned i = first_byte_after(sample->mask, 0); i < 64 && !sample->block.address;
         i = first_byte_after(sample->mask, i + 1)) {
        struct variable variable;
        if (!symbols_variable(analysis->symbols, sample->address + i, &variable))
            continue;
        if (strcmp(variable.name, last) != 0) {
            struct part *part =
                finding_part(finding, PART_ALSO, sample->after.task, (struct stack){NULL, 0});
            finding_set(&part->text, "Unordered accesses of '%s' are among them", variable.name);
            free(last);
            last = memory_text(variable.name);
        }
        variable_free(&variable);
    }
    free(last);
}

struct finding *race_finding(struct analysis *analysis, const struct found *found,
                             enum finding_certainty certainty, const char *rule)
{
    const struct race_sample *sample = found->sample;
    const struct race_entry *before = &sample->before, *after = &sample->after;
    const struct race_site *first = race_site_of(found->places, before->site);
    const struct race_site *second = race_site_of(found->places, after->site);
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
    if (race_is_vague(found))
        add_variables(analysis, finding, found);
    char *task = describe_task(analysis, before->task);
    char *other = describe_task(analysis, after->task);
    const char *name = finding->object;
    const char *memory = sample->block.kind == TRACE_ALLOC_HEAP    ? "a heap block"
                         : sample->block.kind == TRACE_ALLOC_STACK ? "a variable on a stack"
                         : sample->block.kind == TRACE_ALLOC_MAP   ? "mapped memory"
                                                                   : "memory without a name";
    finding_set(&finding->summary, "data race on %s%s%s: %s by %s and %s by %s", name ? "'" : "",
                name ? name : memory, name ? "'" : "", race_access_word(first), task,
                race_access_word(second), other);
    if (strcmp(rule, "mixed-race") == 0)
        finding->advice = memory_text("An atomic access does not protect a plain one: make every "
                                      "access to it atomic, or guard all of them by one lock.");
    else if (strcmp(rule, "free-race") == 0)
        finding->advice = memory_text("Wait for the other task (join it, or count references) "
                                      "before the memory is freed.");
    else if (race_is_vague(found))
        finding->advice =
            memory_text("GOROCHECK_OPTIONS=sites=all has the instruction itself told.");
    free(task);
    free(other);
    return finding;
}
