/*
 * The JSON report; docs/report.schema.json describes it. Addresses are strings of hexadecimal
 * digits (JSON's numbers are not exact above 2^53); texts that are not UTF-8 have their odd bytes
 * replaced by '?'. Members that are not known are left out.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/report.h"

#define SCHEMA 1

static void set_text(json_t *object, const char *key, const char *text)
{
    if (!text)
        return;
    json_t *value = json_string(text);
    if (!value) {
        char *plain = memory_text(text);
        for (char *c = plain; *c; c++)
            if ((unsigned char)*c >= 0x80)
                *c = '?';
        value = json_string(plain);
        free(plain);
    }
    json_object_set_new(object, key, value);
}

static void set_number(json_t *object, const char *key, uint64_t number)
{
    json_object_set_new(object, key, json_integer((json_int_t)number));
}

static void set_hex(json_t *object, const char *key, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof(text), "0x%llx", (unsigned long long)number);
    json_object_set_new(object, key, json_string(text));
}

static json_t *frame_json(const struct frame *frame)
{
    json_t *object = json_object();
    set_hex(object, "pc", frame->pc);
    set_text(object, "function", frame->function);
    set_text(object, "file", frame->file);
    if (frame->line > 0)
        set_number(object, "line", (uint64_t)frame->line);
    if (frame->column > 0)
        set_number(object, "column", (uint64_t)frame->column);
    set_text(object, "module", frame->module);
    if (frame->module)
        set_hex(object, "module_offset", frame->module_offset);
    json_object_set_new(object, "inlined", json_boolean(frame->inlined));
    json_object_set_new(object, "own", json_boolean(frame->own));
    return object;
}

static json_t *stack_json(const struct stack *stack)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < stack->count; i++)
        json_array_append_new(array, frame_json(&stack->frames[i]));
    return array;
}

static const char *role_word(enum part_role role)
{
    switch (role) {
    case PART_ACCESS:
        return "access";
    case PART_LOCATION:
        return "location";
    case PART_TASK:
        return "task";
    case PART_WAIT:
        return "wait";
    case PART_HOLD:
        return "hold";
    case PART_EXPLAINED:
        return "explained";
    case PART_ALSO:
        return "also";
    case PART_EVENT:
        break;
    }
    return "event";
}

static json_t *growth_json(const struct finding *finding)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < finding->growth_count; i++) {
        json_t *moment = json_object();
        json_object_set_new(moment, "seconds", json_real(finding->growth[i].seconds));
        set_number(moment, "alive", finding->growth[i].alive);
        json_array_append_new(array, moment);
    }
    return array;
}

static json_t *finding_json(const struct report *report, const struct report_item *item)
{
    const struct finding *finding = item->finding;
    const struct frame *sites[FINDING_SITES_MAX];
    json_t *object = json_object(), *parts = json_array(), *places = json_array();
    uint32_t count = finding_sites(finding, sites, FINDING_SITES_MAX);
    char fingerprint[32];
    snprintf(fingerprint, sizeof(fingerprint), "%016llx", (unsigned long long)finding->fingerprint);
    set_text(object, "kind", finding_kind_word(finding->kind));
    set_text(object, "title", finding_kind_title(finding->kind));
    set_text(object, "rule", finding->rule);
    set_text(object, "certainty", finding_certainty_word(finding->certainty));
    set_text(object, "fingerprint", fingerprint);
    set_text(object, "summary", finding->summary);
    set_text(object, "why", finding->why);
    set_text(object, "evidence", finding->evidence);
    set_text(object, "doubt", finding->doubt);
    set_text(object, "advice", finding->advice);
    set_text(object, "object", finding->object);
    set_text(object, "location", finding->location);
    set_text(object, "test", finding->test);
    if (finding->growth_count)
        json_object_set_new(object, "growth", growth_json(finding));
    set_number(object, "count", finding->count);
    set_number(object, "pid", report->processes[item->process].trace->process.pid);
    set_number(object, "processes", item->processes);
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(places, frame_json(sites[i]));
    json_object_set_new(object, "sites", places);
    for (uint32_t i = 0; i < finding->part_count; i++) {
        json_t *part = json_object();
        set_text(part, "role", role_word(finding->parts[i].role));
        set_text(part, "text", finding->parts[i].text);
        if (finding->parts[i].task)
            set_number(part, "task", finding->parts[i].task);
        json_object_set_new(part, "stack", stack_json(&finding->parts[i].stack));
        json_array_append_new(parts, part);
    }
    json_object_set_new(object, "parts", parts);
    return object;
}

static const char *end_word(enum trace_end end)
{
    switch (end) {
    case TRACE_END_NONE:
        return "unknown";
    case TRACE_END_EXIT:
        return "exit";
    case TRACE_END_QUICK:
        return "quick_exit";
    case TRACE_END_UNDER:
        return "_exit";
    case TRACE_END_SIGNAL:
        return "signal";
    case TRACE_END_EXEC:
        return "exec";
    case TRACE_END_OFF:
        break;
    }
    return "off";
}

static json_t *modules_json(const struct trace *trace)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < trace->module_count; i++) {
        const struct trace_module *module = &trace->modules[i];
        if (!module->state || module->flags & TRACE_MODULE_RUNTIME)
            continue;
        json_t *object = json_object();
        char id[2 * sizeof(module->build_id) + 1] = "";
        for (uint32_t j = 0; j < module->build_id_size && j < sizeof(module->build_id); j++)
            snprintf(id + 2 * j, 3, "%02x", module->build_id[j]);
        set_text(object, "path", module->path);
        set_text(object, "build_id", id);
        json_object_set_new(object, "accesses_recorded",
                            json_boolean(trace_module_recorded(module)));
        if (module->flags & TRACE_MODULE_PATCHED) {
            set_number(object, "instructions", module->candidates);
            set_number(object, "instructions_recorded", module->seen);
            set_number(object, "functions_uncalled", module->uncalled);
        }
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *roster_json(const struct roster *roster)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < roster->count; i++) {
        const struct roster_line *line = &roster->lines[i];
        json_t *object = json_object();
        set_number(object, "task", line->task);
        set_number(object, "count", line->count);
        set_text(object, "name", line->name);
        set_text(object, "state", line->state);
        set_text(object, "since", line->since);
        set_text(object, "place", line->place);
        set_text(object, "held_by", line->by);
        set_text(object, "holds", line->held);
        json_object_set_new(object, "stuck", json_boolean(line->stuck));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *process_json(const struct report *report, const struct report_process *process)
{
    const struct trace_process *facts = &process->trace->process;
    const struct coverage *seen = &process->coverage;
    json_t *object = json_object(), *coverage = json_object(), *lines = json_array();
    const struct {
        const char *key;
        uint64_t number;
    } numbers[] = {
        {"tasks", seen->tasks},
        {"objects", seen->objects},
        {"synchronisation_calls", facts->events},
        {"sync_records", seen->sync_records},
        {"sync_bytes", seen->sync_bytes},
        {"hand_overs", seen->edges},
        {"access_records", seen->access_records},
        {"access_bytes", seen->access_bytes},
        {"accesses_forgotten", seen->history_dropped + seen->history_crowded},
        {"tasks_woken_late", seen->woken},
        {"waits_not_known", seen->waits_unknown},
        {"races_taken_as_atomic", seen->atomic_races},
        {"races_ignored", seen->ignored_races},
        {"races_with_compiler_copies", seen->copy_races},
        {"lost_sync", facts->lost_sync},
        {"lost_access", facts->lost_access},
        {"lost_tasks", facts->lost_tasks},
        {"lost_objects", facts->lost_objects},
        {"lost_stacks", facts->lost_stacks},
    };
    set_number(object, "pid", facts->pid);
    set_text(object, "executable", facts->executable);
    set_text(object, "end", end_word((enum trace_end)facts->end));
    json_object_set_new(object, "end_code", json_integer(facts->end_code));
    json_object_set_new(object, "child", json_boolean(process->child));
    json_object_set_new(object, "observed", json_boolean(process->observed));
    json_object_set_new(object, "whole", json_boolean(coverage_whole(process)));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        set_number(coverage, numbers[i].key, numbers[i].number);
    json_object_set_new(object, "coverage", coverage);
    json_object_set_new(object, "modules", modules_json(process->trace));
    json_object_set_new(object, "tasks_at_end", roster_json(&process->roster));
    struct sentences sentences = coverage_sentences(report, process);
    for (uint32_t i = 0; i < sentences.count; i++) {
        json_t *one = json_object();
        set_text(one, "text", sentences.lines[i]);
        json_array_append(lines, json_object_get(one, "text"));
        json_decref(one);
    }
    sentences_free(&sentences);
    json_object_set_new(object, "statement", lines);
    return object;
}

static json_t *suppressions_json(const struct suppressions *suppressions)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < suppressions->count; i++) {
        json_t *object = json_object();
        set_text(object, "text", suppressions->items[i].text);
        set_number(object, "line", (uint64_t)suppressions->items[i].line);
        set_number(object, "hits", suppressions->items[i].hits);
        json_array_append_new(array, object);
    }
    return array;
}

void report_json(const struct report *report, FILE *out)
{
    json_t *root = json_object(), *findings = json_array(), *processes = json_array();
    json_t *notes = json_array();
    set_text(root, "tool", "gorocheck");
    set_number(root, "schema", SCHEMA);
    set_number(root, "status", (uint64_t)report->status);
    set_number(root, "suppressed", report->suppressed);
    if (report->timeout > 0)
        json_object_set_new(root, "timeout", json_real(report->timeout));
    set_text(root, "nothing", report->nothing);
    for (uint32_t i = 0; i < report->item_count; i++)
        json_array_append_new(findings, finding_json(report, &report->items[i]));
    for (uint32_t i = 0; i < report->process_count; i++)
        json_array_append_new(processes, process_json(report, &report->processes[i]));
    for (uint32_t i = 0; i < report->note_count; i++)
        json_array_append_new(notes, json_string_nocheck(report->notes[i]));
    json_object_set_new(root, "findings", findings);
    json_object_set_new(root, "processes", processes);
    json_object_set_new(root, "suppressions", suppressions_json(&report->suppressions));
    json_object_set_new(root, "notes", notes);
    json_dumpf(root, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putc('\n', out);
    json_decref(root);
}
