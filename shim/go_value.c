/*
 * What was given to panic(), in words. Nothing of the program's is called for it: a method that makes a text of an error
 * is the runtime's to call (shim/go_panic.c).
 */
#include "shim/go_type.h"

#include <stdbool.h>

#include "shim/banned.h"

struct writing {
    char *text;
    size_t used, room;
};

static void put(struct writing *to, char c)
{
    if (to->used < to->room)
        to->text[to->used++] = c;
}

static void put_text(struct writing *to, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        put(to, text[i]);
}

static void put_number(struct writing *to, uint64_t value, bool negative)
{
    char digits[20];
    unsigned count = 0;
    if (negative)
        value = -value, put(to, '-');
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count)
        put(to, digits[--count]);
}

static void put_address(struct writing *to, uintptr_t address)
{
    put_text(to, "0x", 2);
    unsigned shift = 60;
    while (shift && !(address >> shift))
        shift -= 4;
    for (unsigned s = shift + 4; s; s -= 4)
        put(to, "0123456789abcdef"[address >> (s - 4) & 15]);
}

static void put_float(struct writing *to, const void *data, size_t size)
{
    char text[GO_FLOAT_TEXT];
    put_text(to, text, go_float_text(data, size, text));
}

static void put_type(struct writing *to, const struct go_string *name)
{
    bool path = false;
    for (intptr_t i = 0; i < name->length; i++) {
        if (name->text[i] == '\t')
            path = !path;
        else if (!path)
            put(to, name->text[i]);
    }
}

/* Is the type called as its kind is, `string` or `int`? Else it is one that the program has declared. */
static bool is_plain(const struct go_string *name)
{
    for (intptr_t i = 0; i < name->length; i++)
        if (name->text[i] == '.')
            return false;
    return true;
}

static void put_value(struct writing *to, const struct go_type *type, const void *data)
{
    unsigned kind = type->kind & GO_KIND_MASK;
    uint64_t value = 0;
    if (kind == GO_STRING) {
        const struct go_string *string = data;
        put_text(to, string->text, string->length > 0 ? (size_t)string->length : 0);
        return;
    }
    if (kind == GO_FLOAT32 || kind == GO_FLOAT64) {
        put_float(to, data, type->size);
        return;
    }
    if (kind == GO_COMPLEX64 || kind == GO_COMPLEX128) {
        put(to, '(');
        put_float(to, data, type->size / 2);
        put_float(to, (const char *)data + type->size / 2, type->size / 2);
        put_text(to, "i)", 2);
        return;
    }
    for (size_t i = type->size; i-- > 0;)
        value = value << 8 | ((const uint8_t *)data)[i];
    if (kind == GO_BOOL) {
        put_text(to, value ? "true" : "false", value ? 4 : 5);
        return;
    }
    bool negative = kind < GO_UINT && value >> (8 * type->size - 1);
    if (negative && type->size < 8)
        value |= ~UINT64_C(0) << 8 * type->size;
    put_number(to, value, negative);
}

/* Is it as large as its kind is? Else it is none of those that are known. */
static bool fits(unsigned kind, const struct go_type *type)
{
    switch (kind) {
    case GO_FLOAT32:
        return type->size == 4;
    case GO_FLOAT64:
    case GO_COMPLEX64:
        return type->size == 8;
    case GO_COMPLEX128:
        return type->size == 16;
    default:
        return type->size <= 8;
    }
}

size_t go_value_text(const struct go_type *type, const void *data, char *text, size_t room)
{
    struct writing to = {.text = text, .room = room};
    if (!type) {
        put_text(&to, "nil", 3);
        return to.used;
    }
    unsigned kind = type->kind & GO_KIND_MASK;
    bool has_value = data && (kind == GO_STRING ||
                              (kind >= GO_BOOL && kind <= GO_COMPLEX128 && fits(kind, type)));
    bool plain = has_value && is_plain(type->string), quoted = !plain && kind == GO_STRING;
    if (!has_value) {
        put(&to, '(');
        put_type(&to, type->string);
        put_text(&to, ") ", 2);
        put_address(&to, (uintptr_t)data);
        return to.used;
    }
    if (!plain) {
        put_type(&to, type->string);
        put_text(&to, "(\"", quoted ? 2 : 1);
    }
    put_value(&to, type, data);
    if (!plain)
        put_text(&to, quoted ? "\")" : ")", quoted ? 2 : 1);
    return to.used;
}
