/*
 * Type descriptors as gccgo's compiler writes them (libgo/go/runtime/type.go). libgo exports its own for its reflection,
 * and every value in an interface comes with one.
 */
#ifndef SHIM_GO_TYPE_H
#define SHIM_GO_TYPE_H

#include <stddef.h>
#include <stdint.h>

struct go_string {
    const char *text;
    intptr_t length;
};
struct go_type {
    uintptr_t size, pointers;
    uint32_t hash;
    uint8_t flags, align, field_align, kind;
    const void *equal, *gc;
    const struct go_string *string; /* its name; the path of its package stands between tabs */
    const void *uncommon, *pointer_to;
};
struct go_field {
    const struct go_string *name, *package;
    const struct go_type *type;
    const struct go_string *tag;
    uintptr_t offset_embedded; /* offset << 1, +1 embedded */
};
struct go_struct {
    struct go_type type;
    const struct go_field *fields;
    intptr_t count, capacity;
};

#define GO_KIND_MASK 31u
enum go_kind {
    GO_BOOL = 1,
    GO_INT,
    GO_INT8,
    GO_INT16,
    GO_INT32,
    GO_INT64,
    GO_UINT,
    GO_UINT8,
    GO_UINT16,
    GO_UINT32,
    GO_UINT64,
    GO_UINTPTR,
    GO_FLOAT32,
    GO_FLOAT64,
    GO_COMPLEX64,
    GO_COMPLEX128,
    GO_STRING = 24,
    GO_STRUCT = 25,
};

/* The number of 4 or 8 bytes at `data`, +1.500000e+000. Returns the length. */
#define GO_FLOAT_TEXT 16u
size_t go_float_text(const void *data, size_t size, char text[GO_FLOAT_TEXT]);

/* A value in an interface, in words, as the runtime prints what was given to panic(): 42, main.code(42); of structures,
 * pointers and the like the type and where it is, (main.pair) 0xc000098010. Returns the length. */
size_t go_value_text(const struct go_type *type, const void *data, char *text, size_t room);

#endif
