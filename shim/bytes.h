/*
 * Memory and string functions of our own, for the stub and for calls that come before the real ones are known. Slow and
 * right: plain loops, which the compiler must not turn back into calls (-fno-builtin).
 */
#ifndef SHIM_BYTES_H
#define SHIM_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void *copy_bytes(void *to, const void *from, size_t size)
{
    char *d = to;
    const char *s = from;
    if ((uintptr_t)to - (uintptr_t)from >= size) {
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(size)::"memory");
        return to;
    }
    while (size--) /* `to` lies within `from`: from behind */
        d[size] = s[size];
    return to;
}

static inline void *fill_bytes(void *to, int byte, size_t size)
{
    void *d = to;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(byte) : "memory");
    return to;
}

/* ---- lengths ---- */

static inline size_t length_of(const char *s, size_t limit)
{
    size_t n = 0;
    while (n < limit && s[n])
        n++;
    return n;
}

/* How many bytes a comparison looks at: up to the first difference (and, of texts, their end). */
static inline size_t differ_bytes(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return i + 1;
    return n;
}

static inline size_t same_text(const char *a, const char *b, size_t limit)
{
    for (size_t i = 0; i < limit; i++)
        if (a[i] != b[i] || !a[i])
            return i + 1;
    return limit;
}

static inline size_t same_folded(const char *a, const char *b, size_t limit)
{
    for (size_t i = 0; i < limit; i++) {
        unsigned x = (unsigned char)a[i], y = (unsigned char)b[i];
        if (x == 0 || (x != y && ((x ^ y) != 32 || (x | 32) < 'a' || (x | 32) > 'z')))
            return i + 1;
    }
    return limit;
}

/* ---- stand-ins for the functions of the same names ---- */

static inline void *early_memcpy(void *to, const void *from, size_t size)
{
    return copy_bytes(to, from, size);
}

static inline void *early_memmove(void *to, const void *from, size_t size)
{
    return copy_bytes(to, from, size);
}

static inline void *early_memset(void *to, int byte, size_t size)
{
    return fill_bytes(to, byte, size);
}

static inline int early_memcmp(const void *a, const void *b, size_t size)
{
    size_t n = differ_bytes(a, b, size);
    return n ? ((const unsigned char *)a)[n - 1] - ((const unsigned char *)b)[n - 1] : 0;
}

static inline size_t early_strlen(const char *s)
{
    return length_of(s, SIZE_MAX);
}

static inline int early_strncmp(const char *a, const char *b, size_t limit)
{
    size_t n = same_text(a, b, limit);
    return n ? (unsigned char)a[n - 1] - (unsigned char)b[n - 1] : 0;
}

static inline int early_strcmp(const char *a, const char *b)
{
    return early_strncmp(a, b, SIZE_MAX);
}

static inline void *early_memchr(const void *s, int byte, size_t size)
{
    union {
        const void *from;
        unsigned char *at;
    } cast = {.from = s};
    for (size_t i = 0; i < size; i++)
        if (cast.at[i] == (unsigned char)byte)
            return cast.at + i;
    return NULL;
}

static inline char *early_strchr(const char *s, int byte)
{
    return early_memchr(s, byte, length_of(s, SIZE_MAX) + 1);
}

#endif
