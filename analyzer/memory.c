/*
 * Checked allocations: see memory.h.
 */
#include "analyzer/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *memory)
{
    if (memory)
        return memory;
    fputs("gorocheck: out of memory\n", stderr);
    exit(3);
}

void *memory_get(size_t count, size_t size)
{
    return check(calloc(count ? count : 1, size ? size : 1));
}

void *memory_resize(void *memory, size_t count, size_t size)
{
    return check(reallocarray(memory, count ? count : 1, size ? size : 1));
}

char *memory_text(const char *text)
{
    return check(strdup(text));
}

char *memory_format(const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&text, format, list);
    va_end(list);
    return check(length < 0 ? NULL : text);
}
