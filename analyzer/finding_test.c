/* Unit tests of finding.c: sites, fingerprints, folding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/finding.h"
#include "analyzer/memory.h"

static struct stack stack_at(const char *function, const char *file, int line)
{
    struct stack stack = {.count = 2};
    stack.frames = memory_get(2, sizeof(*stack.frames));
    stack.frames[0].function = memory_text("memcpy");
    stack.frames[1].function = memory_text(function);
    stack.frames[1].file = memory_text(file);
    stack.frames[1].line = line;
    stack.frames[1].own = true;
    return stack;
}

/* Lines below 20 are those of f, the others of g. */
static struct finding *race(int first, int second, const char *object)
{
    struct finding *finding = finding_new(FINDING_RACE, FINDING_PROVED, "data-race");
    finding_part(finding, PART_ACCESS, 1, stack_at(first < 20 ? "f" : "g", "/src/a.c", first));
    finding_part(finding, PART_TASK, 1, stack_at("main", "/src/a.c", 99));
    finding_part(finding, PART_ACCESS, 2, stack_at(second < 20 ? "f" : "g", "/src/a.c", second));
    finding_set(&finding->object, "%s", object);
    return finding;
}

static void sites(void **state)
{
    (void)state;
    const struct frame *found[FINDING_SITES_MAX];
    struct finding *finding = race(20, 10, "x");
    assert_int_equal(finding_sites(finding, found, FINDING_SITES_MAX), 2);
    assert_int_equal(found[0]->line, 10);
    assert_int_equal(found[1]->line, 20);
    char *place = frame_place(found[0]);
    assert_string_equal(place, "a.c:10");
    free(place);
    assert_int_equal(finding_sites(finding, found, 1), 1);
    finding_free(finding);
}

static void folding(void **state)
{
    (void)state;
    struct finding_list list = {0};
    finding_add(&list, race(10, 20, "x"));
    finding_add(&list, race(20, 10, "x")); /* the same two places */
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0]->count, 2);
    finding_add(&list, race(10, 21, "x"));
    finding_add(&list, race(10, 20, "y"));
    finding_add(&list, race(10, 11, "x"));
    assert_int_equal(list.count, 4);
    /* Neither lines nor objects are part of a fingerprint. */
    assert_true(list.items[0]->fingerprint == list.items[1]->fingerprint);
    assert_true(list.items[0]->fingerprint == list.items[2]->fingerprint);
    assert_true(list.items[0]->fingerprint != list.items[3]->fingerprint);
    finding_list_free(&list);
    assert_int_equal(list.count, 0);
}

static void fingerprints(void **state)
{
    (void)state;
    struct finding_list list = {0};
    finding_add(&list, race(10, 20, "x"));
    struct finding *other = finding_new(FINDING_RACE, FINDING_PROVED, "free-race");
    finding_part(other, PART_ACCESS, 1, stack_at("f", "/src/a.c", 10));
    finding_part(other, PART_ACCESS, 2, stack_at("g", "/src/a.c", 20));
    finding_add(&list, other);
    struct finding *elsewhere = finding_new(FINDING_RACE, FINDING_PROVED, "data-race");
    finding_part(elsewhere, PART_ACCESS, 1, stack_at("f", "/src/b.c", 10));
    finding_part(elsewhere, PART_ACCESS, 2, stack_at("g", "/src/b.c", 20));
    finding_add(&list, elsewhere);
    struct finding *moved = finding_new(FINDING_RACE, FINDING_PROVED, "data-race");
    finding_part(moved, PART_ACCESS, 1, stack_at("f", "/elsewhere/a.c", 11));
    finding_part(moved, PART_ACCESS, 2, stack_at("g", "/elsewhere/a.c", 21));
    finding_add(&list, moved);
    assert_int_equal(list.count, 4);
    assert_true(list.items[0]->fingerprint != list.items[1]->fingerprint); /* the rule */
    assert_true(list.items[0]->fingerprint != list.items[2]->fingerprint); /* the file */
    assert_true(list.items[0]->fingerprint ==
                list.items[3]->fingerprint); /* not folder, not line */
    finding_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sites),
        cmocka_unit_test(folding),
        cmocka_unit_test(fingerprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
