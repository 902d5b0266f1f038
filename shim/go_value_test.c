/*
 * Values as the runtime prints those given to panic().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "shim/go_float.c"
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

static void fractions(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *expected;
    } cases[] = {
        /* as a program of gccgo 12.2 printed them */
        {1.5, "+1.500000e+000"},
        {1e-320, "+9.999889e-321"},
        {-0.0, "-0.000000e+000"},
        {0, "+0.000000e+000"},
        {1.7976931348623157e308, "+1.797693e+308"},
        {9.9999996e9, "+1.000000e+010"},
        {__builtin_nan(""), "NaN"},
        {__builtin_inf(), "+Inf"},
        {-__builtin_inf(), "-Inf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct go_type type = type_of(GO_FLOAT64, 8, "float64");
        expect(&type, &cases[i].value, cases[i].expected);
    }
    float tenth = -0.1f;
    struct go_type type = type_of(GO_FLOAT32, 4, "float32");
    expect(&type, &tenth, "-1.000000e-001");
    type = type_of(GO_FLOAT64, 8, "\tmain\tmain.degrees");
    expect(&type, &cases[0].value, "main.degrees(+1.500000e+000)");
    double pair[] = {1.5, -2};
    type = type_of(GO_COMPLEX128, 16, "complex128");
    expect(&type, pair, "(+1.500000e+000-2.000000e+000i)");
    float small[] = {1.25f, 3e10f};
    type = type_of(GO_COMPLEX64, 8, "complex64");
    expect(&type, small, "(+1.250000e+000+3.000000e+010i)");
}

/* What has no short form is told by its type and where it is. */
static void others(void **state)
{
    (void)state;
    struct go_type type = type_of(GO_STRUCT, 16, "*\tmain\tmain.failure");
    expect(&type, (void *)0xc000098010, "(*main.failure) 0xc000098010");
    expect(&type, NULL, "(*main.failure) 0x0");
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
        cmocka_unit_test(numbers), cmocka_unit_test(own_types), cmocka_unit_test(fractions),
        cmocka_unit_test(others),  cmocka_unit_test(no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
