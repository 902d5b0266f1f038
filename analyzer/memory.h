/*
 * Checked allocations for the analyzer: it is an ordinary program, and one that cannot get memory
 * can only say so and end. Sizes that come from a trace are checked against its files before they
 * get here.
 */
#ifndef ANALYZER_MEMORY_H
#define ANALYZER_MEMORY_H

#include <stddef.h>

/* Zeroed memory for `count` items of `size` bytes; never NULL, also for nothing. */
void *memory_get(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* realloc for `count` items; what is new is not zeroed. */
void *memory_resize(void *memory, size_t count, size_t size) __attribute__((returns_nonnull));
char *memory_text(const char *text) __attribute__((malloc, returns_nonnull));
char *memory_format(const char *format, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));
/* Zeroed memory for large tables, in pages of its own, large ones where the system has them. */
void *memory_pages(size_t count, size_t size) __attribute__((returns_nonnull));
void memory_pages_free(void *memory, size_t count, size_t size);

/* Makes room for one more item in an array that doubles. */
#define MEMORY_GROW(array, count, capacity)                                 \
    do {                                                                    \
        if ((count) == (capacity)) {                                        \
            (capacity) = (capacity) ? (capacity)*2 : 16;                    \
            (array) = memory_resize((array), (capacity), sizeof(*(array))); \
        }                                                                   \
    } while (0)

#endif
