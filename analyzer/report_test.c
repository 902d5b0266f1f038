/* Unit tests of the reporters and of writing a report to a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "analyzer/memory.h"
#include "analyzer/report.h"
#include "analyzer/session.h"
#include "analyzer/trace_make.h"

struct fixture {
    struct options options;
    struct report report;
    struct trace_make *make;
};

static struct stack stack_at(const char *function, const char *file, int line)
{
    struct stack stack = {.count = 1};
    stack.frames = memory_get(1, sizeof(*stack.frames));
    stack.frames[0] = (struct frame){.pc = 0x401000,
                                     .function = memory_text(function),
                                     .file = memory_text(file),
                                     .module = memory_text("/opt/app"),
                                     .module_offset = 0x1000,
                                     .line = line,
                                     .own = true};
    return stack;
}

static void item_add(struct report *report, struct finding *finding)
{
    MEMORY_GROW(report->items, report->item_count, report->item_capacity);
    report->items[report->item_count++] = (struct report_item){.finding = finding, .processes = 1};
}

/* A clean trace, and two findings put into its report by hand. */
static int set_up(void **state)
{
    struct fixture *fixture = memory_get(1, sizeof(*fixture));
    char *error = NULL;
    options_default(&fixture->options);
    fixture->options.color = COLOR_NEVER;
    fixture->report.options = &fixture->options;
    fixture->make = trace_make_new();
    fixture->make->process.events = 3;
    trace_make_write(fixture->make);
    assert_true(report_trace(&fixture->report, fixture->make->path, &error));
    struct finding *race = finding_new(FINDING_RACE, FINDING_PROVED, "data-race");
    struct part *part = finding_part(race, PART_ACCESS, 2, stack_at("f", "/src/a.c", 21));
    finding_set(&part->text, "Write of size 4 at 0x10 by task 2");
    part = finding_part(race, PART_ACCESS, 1, stack_at("g", "/src/a.c", 14));
    finding_set(&part->text, "Previous read of size 4 at 0x10 by main task");
    finding_set(&race->object, "pair<int, int>::first");
    finding_set(&race->summary, "two tasks meet.");
    item_add(&fixture->report, race);
    struct finding *misuse = finding_new(FINDING_MISUSE, FINDING_SUSPECTED, "double-init");
    finding_part(misuse, PART_EVENT, 1, stack_at("h\xff", "/src/b.c", 3));
    finding_set(&misuse->object, "lock");
    item_add(&fixture->report, misuse);
    report_finish(&fixture->report, 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    report_free(&fixture->report);
    trace_make_free(fixture->make);
    free(fixture);
    return 0;
}

static char *written(const struct fixture *fixture, const char *format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    reporter_find(format)->write(&fixture->report, out);
    fclose(out);
    return text;
}

static void line(void **state)
{
    char *text = written(*state, "line");
    assert_string_equal(text, "race a.c:14 a.c:21 pair<int,-int>::first [proved]\n"
                              "misuse b.c:3 double-init [suspected]\n");
    free(text);
}

static void text(void **state)
{
    char *report = written(*state, "text");
    static const char *const parts[] = {
        "==================\nWARNING: gorocheck: data race (pid=4000000000)  [proved]\n"
        "  Two tasks meet.\n\n"
        "  Write of size 4 at 0x10 by task 2:\n"
        "    #0 f /src/a.c:21 (app+0x1000)\n\n"
        "  Previous read of size 4 at 0x10 by main task:\n"
        "    #0 g /src/a.c:14 (app+0x1000)\n",
        "SUMMARY: gorocheck: data race /src/a.c:21 in f (pair<int, int>::first)\n",
        "gorocheck: 2 findings: 1 race, 1 misuse\n",
        "gorocheck: app (pid 4000000000)\n  it ended by exit(0) after 1.00 s\n",
        "data races could not be seen\n",
    };
    const char *from = report;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        from = strstr(from, parts[i]);
        if (!from)
            fail_msg("not in the report, or not in this place:\n%s", parts[i]);
    }
    assert_null(strchr(report, '\033'));
    free(report);
}

/* The schema itself is read: what it requires must be there, what it does not name must not. */
static void check_object(json_t *schema, json_t *object, json_t *root);

static json_t *resolve(json_t *schema, json_t *root)
{
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (!reference)
        return schema;
    return json_object_get(json_object_get(root, "$defs"), reference + strlen("#/$defs/"));
}

static void check_value(json_t *schema, json_t *value, json_t *root)
{
    schema = resolve(schema, root);
    assert_non_null(schema);
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (json_is_object(value)) {
        assert_string_equal(type, "object");
        check_object(schema, value, root);
        return;
    }
    if (json_is_array(value)) {
        assert_string_equal(type, "array");
        for (size_t i = 0; i < json_array_size(value); i++)
            check_value(json_object_get(schema, "items"), json_array_get(value, i), root);
        return;
    }
    json_t *choice = json_object_get(schema, "enum");
    bool found = !choice;
    for (size_t i = 0; i < json_array_size(choice); i++)
        found |= json_equal(json_array_get(choice, i), value);
    assert_true(found);
    if (type && json_is_string(value))
        assert_string_equal(type, "string");
    if (type && json_is_integer(value))
        assert_string_equal(type, "integer");
    if (type && json_is_boolean(value))
        assert_string_equal(type, "boolean");
}

static void check_object(json_t *schema, json_t *object, json_t *root)
{
    json_t *members = json_object_get(schema, "properties"), *value;
    json_t *required = json_object_get(schema, "required");
    const char *key;
    for (size_t i = 0; i < json_array_size(required); i++)
        if (!json_object_get(object, json_string_value(json_array_get(required, i))))
            fail_msg("%s is missing", json_string_value(json_array_get(required, i)));
    json_object_foreach(object, key, value)
    {
        json_t *member = json_object_get(members, key);
        json_t *others = json_object_get(schema, "additionalProperties");
        if (!member && !json_is_object(others))
            fail_msg("%s is not in the schema", key);
        check_value(member ? member : others, value, root);
    }
}

/* The thread's start in a library, where the call out of the program was its function's last. */
static void summary_of_own_code(void **state)
{
    struct fixture *fixture = *state;
    struct finding *race = fixture->report.items[0].finding;
    assert_int_equal(race->kind, FINDING_RACE);
    race->parts[0].stack.frames[0].own = false;
    char *report = written(fixture, "text");
    assert_non_null(strstr(report, "SUMMARY: gorocheck: data race /src/a.c:14 in g (pair"));
    free(report);
}

static void json(void **state)
{
    char *report = written(*state, "json");
    json_error_t error;
    json_t *root = json_loads(report, 0, &error);
    json_t *schema = json_load_file("docs/report.schema.json", 0, &error);
    if (!schema)
        fail_msg("docs/report.schema.json: %s", error.text);
    assert_non_null(root);
    check_object(schema, root, schema);
    json_t *finding = json_array_get(json_object_get(root, "findings"), 0);
    assert_string_equal(json_string_value(json_object_get(finding, "kind")), "race");
    assert_int_equal(json_array_size(json_object_get(finding, "sites")), 2);
    assert_int_equal(json_integer_value(json_object_get(root, "status")), STATUS_FINDINGS);
    json_decref(root);
    json_decref(schema);
    free(report);
}

/* A place that makes more and more goroutines, in a test: in all formats. */
static void growth(void **state)
{
    struct fixture *fixture = *state;
    struct finding *leak = finding_new(FINDING_LEAK, FINDING_SUSPECTED, "growing");
    finding_part(leak, PART_TASK, 1, stack_at("m.serve", "/src/m.go", 7));
    finding_set(&leak->object, "m.serve");
    finding_set(&leak->test, "TestServe/slow");
    leak->growth_count = 2;
    leak->growth[0] = (struct finding_moment){0.25, 20};
    leak->growth[1] = (struct finding_moment){0.5, 40};
    item_add(&fixture->report, leak);
    char *report = written(fixture, "line");
    assert_non_null(
        strstr(report, "leak m.go:7 m.serve [suspected] (growing to 40) (in TestServe/slow)\n"));
    free(report);
    report = written(fixture, "text");
    assert_non_null(strstr(report, "  In test: TestServe/slow.\n  Growth: of those alive at the "
                                   "end, 20 after 0.25 s, 40 after 0.50 s.\n"));
    free(report);
    report = written(fixture, "json");
    json_error_t error;
    json_t *root = json_loads(report, 0, &error);
    json_t *schema = json_load_file("docs/report.schema.json", 0, &error);
    assert_non_null(root);
    assert_non_null(schema);
    check_object(schema, root, schema);
    json_t *found = json_array_get(json_object_get(root, "findings"), 2);
    json_t *last = json_array_get(json_object_get(found, "growth"), 1);
    assert_string_equal(json_string_value(json_object_get(found, "test")), "TestServe/slow");
    assert_int_equal(json_integer_value(json_object_get(last, "alive")), 40);
    json_decref(root);
    json_decref(schema);
    free(report);
}

/* A report that cannot be written whole leaves what was there. */
static void files(void **state)
{
    struct fixture *fixture = *state;
    char folder[] = "/tmp/gorocheck_report.XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = memory_format("%s/report", folder);
    fixture->options.output = path;
    fixture->options.format = "line";
    assert_true(session_write(&fixture->report, stdout, 1));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    off_t size = status.st_size;
    assert_true(size > 0);
    char *missing = memory_format("%s/no/report", folder);
    fixture->options.output = missing;
    assert_false(session_write(&fixture->report, stdout, 1));
    fixture->options.output = "/dev/full";
    assert_false(session_write(&fixture->report, stdout, 1));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* no drafts are left */
    free(path);
    free(missing);
}

static void suppressed(void **state)
{
    struct fixture *fixture = *state;
    struct report report = {.options = &fixture->options};
    char *error = NULL;
    fixture->make->tasks[make_task(fixture->make, 1, "worker")].flags = 0; /* never joined */
    trace_make_write(fixture->make);
    assert_true(report_trace(&report, fixture->make->path, &error));
    assert_int_equal(report.item_count, 1);
    report_free(&report);
    report = (struct report){.options = &fixture->options};
    struct suppression *item = memory_get(1, sizeof(*item));
    *item = (struct suppression){.text = memory_text("unjoined:worker"),
                                 .kinds = 1u << FINDING_UNJOINED};
    item->pattern = item->text + strlen("unjoined:");
    report.suppressions.items = item;
    report.suppressions.count = 1;
    assert_true(report_trace(&report, fixture->make->path, &error));
    assert_int_equal(report.item_count, 0);
    assert_int_equal(report.suppressed, 1);
    assert_int_equal(item->hits, 1);
    report_finish(&report, 0);
    assert_int_equal(report.status, STATUS_CLEAN);
    report_free(&report);
}

static void module(struct trace_module *module, const char *path)
{
    *module = (struct trace_module){.state = 1, .low = 0x1000, .high = 0x2000};
    snprintf(module->path, sizeof(module->path), "%s", path);
}

/* Said once for all processes, and only if none of them has it. */
static void patch_names(void **state)
{
    struct fixture *fixture = *state;
    struct report report = {.options = &fixture->options};
    struct trace_make *other = trace_make_new();
    char *error = NULL;
    module(&fixture->make->modules[0], "/usr/bin/shell");
    module(&other->modules[0], "");
    module(&other->modules[1], "/lib/libz.so.1");
    snprintf(fixture->make->process.options, sizeof(fixture->make->process.options), "%s",
             "patch=x:report=0:patch=main,libz,nosuch,,nosuch");
    snprintf(other->process.options, sizeof(other->process.options), "%s",
             fixture->make->process.options);
    snprintf(other->process.executable, sizeof(other->process.executable), "%s", "/opt/program");
    other->process.events = 3;
    trace_make_write(fixture->make);
    trace_make_write(other);
    assert_true(report_trace(&report, fixture->make->path, &error));
    assert_true(report_trace(&report, other->path, &error));
    report_finish(&report, 0);
    assert_int_equal(report.note_count, 1);
    assert_string_equal(report.notes[0], "patch=nosuch: no module was loaded whose name begins so");
    assert_int_equal(report.status, STATUS_CLEAN);
    report_free(&report);

    static const char *const met[] = {"patch=all", "patch=prog", "patch=nosuch:patch=", ""};
    for (size_t i = 0; i < sizeof(met) / sizeof(met[0]); i++) {
        snprintf(other->process.options, sizeof(other->process.options), "%s", met[i]);
        trace_make_write(other);
        report = (struct report){.options = &fixture->options};
        assert_true(report_trace(&report, other->path, &error));
        report_finish(&report, 0);
        assert_int_equal(report.note_count, 0);
        report_free(&report);
    }
    trace_make_free(other);
}

/* Of many modules those are named that lack most; one that was loaded twice is one. */
static void modules_named(void **state)
{
    static struct trace_module list[21];
    struct trace trace = {.modules = list, .module_count = 21};
    struct sentences sentences = {0};
    (void)state;
    for (uint32_t i = 0; i < 21; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/opt/lib%u.so", i < 20 ? i : 7);
        module(&list[i], path);
        list[i].flags = i == 19 ? TRACE_MODULE_REFUSED : TRACE_MODULE_PATCHED;
        list[i].candidates = 10;
        list[i].seen = i == 13 ? 4 : 10;
    }
    list[19].refused = 1;
    list[3].flags |= TRACE_MODULE_MAIN;
    list[2].uncalled = 1;
    list[18].uncalled = 5;
    coverage_modules(&sentences, &trace, 0);
    assert_int_equal(sentences.count, 2);
    assert_string_equal(
        sentences.lines[0],
        "patched when loaded (recorded instructions of those that may touch shared memory): lib3.so "
        "(10 of 10), lib13.so (4 of 10), lib0.so (10 of 10), lib1.so (10 of 10), lib2.so (10 of 10; 1 "
        "function was never called), lib4.so (10 of 10), lib5.so (10 of 10), lib6.so (10 of 10), "
        "lib7.so (20 of 20; loaded 2 times), lib8.so (10 of 10), lib9.so (10 of 10) and 8 others "
        "(80 of 80; 5 functions were never called) (verbosity=1 names them)");
    assert_non_null(strstr(sentences.lines[1], "not recorded: lib19.so ("));
    sentences_free(&sentences);
    coverage_modules(&sentences, &trace, 1);
    assert_non_null(
        strstr(sentences.lines[0], "lib18.so (10 of 10; 5 functions were never called)"));
    assert_null(strstr(sentences.lines[0], "others"));
    sentences_free(&sentences);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(summary_of_own_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(growth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(suppressed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patch_names, set_up, tear_down),
        cmocka_unit_test(modules_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
