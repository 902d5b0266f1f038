/*
 * Checked allocations: see memory.h.
 */
#include "analyzer/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE (16u << 20)

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

void *memory_pages(size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes))
        return check(NULL);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return check(NULL);
    if (bytes >= LARGE) /* below that, clearing large pages costs more than they bring */
        madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

void memory_pages_free(void *memory, size_t count, size_t size)
{
    if (memory)
        munmap(memory, count * size);
}
