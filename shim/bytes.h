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

#endif
