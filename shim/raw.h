/*
 * Raw system calls and the few string functions we need: never a libc function that is interposed, sets errno or takes a
 * lock. System calls return -errno on failure.
 */
#ifndef SHIM_RAW_H
#define SHIM_RAW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline long raw6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#define raw0(n)                raw6(n, 0, 0, 0, 0, 0, 0)
#define raw1(n, a)             raw6(n, (long)(a), 0, 0, 0, 0, 0)
#define raw2(n, a, b)          raw6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define raw3(n, a, b, c)       raw6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define raw4(n, a, b, c, d)    raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define raw5(n, a, b, c, d, e) raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

#define RAW_FAILED(result)     ((unsigned long)(result) > -4096ul)

static inline void *raw_map(void *address, size_t size, int protection, int flags, int fd,
                            uint64_t offset)
{
    long result = raw6(SYS_mmap, (long)address, (long)size, protection, flags, fd, (long)offset);
    return RAW_FAILED(result) ? NULL : (void *)result;
}

static inline void raw_copy(void *to, const void *from, size_t size)
{
    void *d = to;
    const void *s = from;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(size)::"memory");
}

static inline void raw_zero(void *to, size_t size)
{
    void *d = to;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(0) : "memory");
}

static inline size_t raw_length(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

static inline int raw_equal(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static inline int raw_equal_n(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

/* Appends `text` to buffer[0..size) at *used, truncating; always terminated. */
static inline void raw_append(char *buffer, size_t size, size_t *used, const char *text)
{
    while (*text && *used + 1 < size)
        buffer[(*used)++] = *text++;
    buffer[*used] = 0;
}

static inline void raw_append_number(char *buffer, size_t size, size_t *used, uint64_t value)
{
    char digits[24];
    size_t n = sizeof digits;
    digits[--n] = 0;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    raw_append(buffer, size, used, digits + n);
}

#endif
