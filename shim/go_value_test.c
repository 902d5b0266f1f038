/*
 * Values as the runtime prints those given to panic(), but for kinds that it prints by their address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "shim/go_value.c"

static struct go_string name;

static struct go_type type_of(unsigned kind, uintptr_t size, const char *text)
{
    name = (struct go_string){text, (intptr_t)strlen(text)};
    return (struct go_type){.size = size, .kind = (uint8_t)(kind | 64), .string = &name};
}

static void expect(const struct go_type *type, const void *data, const char *expected)
{
    char text[64] = {0};
    assert_int_equal(go_value_text(type, data, text, sizeof text - 1), strlen(expected));
    assert_string_equal(text, expected);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        unsigned kind;
        uintptr_t size;
        uint64_t value;
        const char *expected;
    } cases[] = {
        {GO_INT, 8, 0, "0"},
        {GO_INT, 8, 42, "42"},
        {GO_INT, 8, UINT64_C(1) << 63, "-9223372036854775808"},
        {GO_INT8, 1, 0xffffff80, "-128"},
        {GO_INT16, 2, 0x7fff, "32767"},
        {GO_INT32, 4, 0xffffffff, "-1"},
        {GO_UINT8, 1, 0xff, "255"},
        {GO_UINT32, 4, 0xffffffff, "4294967295"},
        {GO_UINT64, 8, ~UINT64_C(0), "18446744073709551615"},
        {GO_BOOL, 1, 1, "true"},
        {GO_BOOL, 1, 0, "false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct go_type type = type_of(cases[i].kind, cases[i].size, "int");
        expect(&type, &cases[i].value, cases[i].expected);
    }
}

static void own_types(void **state)
{
    (void)state;
    int64_t number = -7;
    struct go_string text = {"no room", 7};
    struct go_type type = type_of(GO_INT, 8, "\tmain\tmain.code");
    expect(&type, &number, "main.code(-7)");
    type = type_of(GO_STRING, 16, "main.reason");
    expect(&type, &text, "main.reason(\"no room\")");
    type = type_of(GO_STRING, 16, "string");
    expect(&type, &text, "no room");
}

/* What has no short form is told by its type. */
static void others(void **state)
{
    (void)state;
    double number = 1.5;
    struct go_type type = type_of(GO_UINTPTR + 2, 8, "float64");
    expect(&type, &number, "float64");
    type = type_of(GO_STRUCT, 16, "*main.failure");
    expect(&type, &number, "*main.failure");
    expect(NULL, NULL, "nil");
}

static void no_room(void **state)
{
    (void)state;
    char text[5] = "    ";
    struct go_string value = {"abcdef", 6};
    struct go_type type = type_of(GO_STRING, 16, "string");
    assert_int_equal(go_value_text(&type, &value, text, 3), 3);
    assert_string_equal(text, "abc ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(own_types),
        cmocka_unit_test(others),
        cmocka_unit_test(no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
