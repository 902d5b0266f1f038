/*
 * The libc functions of range.def. Unless the call comes from an instrumented module, a wrapper only jumps to the real
 * function. The real functions are found by our constructor; a call that comes earlier finds them itself, or, for what
 * dlsym might use, runs on a stand-in.
 */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1 /* atoi and its kin are declared here, not inlined */
#endif

#include <arpa/inet.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "shim/access.h"
#include "shim/arguments.h"
#include "shim/bytes.h"
#include "shim/outside.h"
#include "shim/touch.h"

/* ---- the real functions ---- */

static void find(void);

#define PASSES(what, ...) RANGE(__VA_ARGS__)

/* What a pointer holds until the real function is known. */
#define EARLY(ret, fn, params, args, before, after) \
    static ret first_##fn params                    \
    {                                               \
        return early_##fn args;                     \
    }
#define RANGE(ret, fn, params, args, before, after) \
    ret fn params;                                  \
    static ret first_##fn params;
#define RANGE_VOID(fn, params, args, before) static void first_##fn params;
#include "shim/range.def"
#undef EARLY
#undef RANGE
#undef RANGE_VOID

static struct {
#define EARLY                                       RANGE
#define RANGE(ret, fn, params, args, before, after) ret(*fn) params;
#define RANGE_VOID(fn, params, args, before)        void(*fn) params;
#include "shim/range.def"
#undef RANGE
#undef RANGE_VOID
} next = {
#define RANGE(ret, fn, params, args, before, after) .fn = first_##fn,
#define RANGE_VOID(fn, params, args, before)        .fn = first_##fn,
#include "shim/range.def"
#undef RANGE
#undef RANGE_VOID
#undef EARLY
};

#define EARLY(ret, fn, params, args, before, after)
#define RANGE(ret, fn, params, args, before, after) \
    static ret first_##fn params                    \
    {                                               \
        find();                                     \
        return next.fn args;                        \
    }
#define RANGE_VOID(fn, params, args, before) \
    static void first_##fn params            \
    {                                        \
        find();                              \
        next.fn args;                        \
    }
#include "shim/range.def"
#undef EARLY
#undef RANGE
#undef RANGE_VOID

/* A function that the libc does not have keeps its pointer: nobody can be linked to it. */
static void find_one(void *place, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found)
        *(void **)place = found;
}

static void find(void)
{
#define EARLY                                       RANGE
#define RANGE(ret, fn, params, args, before, after) find_one(&next.fn, #fn);
#define RANGE_VOID(fn, params, args, before)        find_one(&next.fn, #fn);
#include "shim/range.def"
#undef RANGE
#undef RANGE_VOID
}

__attribute__((constructor(101))) static void range_setup(void)
{
    find();
}

/* ---- what they touch ---- */

NOINLINE void touch_vector(const struct iovec *v, int count, size_t total, uint32_t kind,
                           uintptr_t pc)
{
    for (int i = 0; i < count && total; i++) {
        size_t size = v[i].iov_len < total ? v[i].iov_len : total;
        access_slow((uintptr_t)v[i].iov_base, size, KIND_RANGE | kind, pc);
        total -= size;
    }
}

static inline size_t printed(int result, size_t room)
{
    if (result < 0 || room == 0)
        return 0;
    return (size_t)result < room ? (size_t)result + 1 : room;
}

#define PRINTED(p, room) WRITE(p, printed(result, room))
#define ARGUMENTS(...)   arguments_read(__VA_ARGS__, pc)
#define KEEP(list) \
    va_list kept;  \
    va_copy(kept, list);
#define FILLED(format) arguments_written(format, kept, result, pc)
/* A number is read as far as it goes, which the real function tells us first. */
#define TAKE_END(end)                       \
    char *stop = NULL, **const asked = end; \
    end = &stop
#define TAKEN(s, end)                     \
    if (stop)                             \
        READ(s, (size_t)(stop - (s)) + 1) \
    if (stop && asked) {                  \
        *asked = stop;                    \
        WRITE(asked, sizeof *asked)       \
    }
#define ALLOCATED(to)                  \
    if (result >= 0) {                 \
        WRITE(to, sizeof *to)          \
        WRITE(*to, (size_t)result + 1) \
    }
#define LENGTH(s)            length_of(s, SIZE_MAX)
#define LENGTH_IN(s, n)      length_of(s, n)
#define SAME(a, b)           same_text(a, b, SIZE_MAX)
#define SAME_IN(a, b, n)     same_text(a, b, n)
#define SAME_FOLDED(a, b, n) same_folded(a, b, n)

/* Apart from what records, so that a program of which nothing is recorded only jumps: three instructions instead of 18. */
#define AND_PC(...)          (__VA_ARGS__, uintptr_t pc)
#define WITH_PC(...)         (__VA_ARGS__, RETURN_PC)
#define RANGE(ret, fn, params, args, before, after) \
    static NOINLINE ret recorded_##fn AND_PC params \
    {                                               \
        if (LIKELY(!recorded(pc)))                  \
            return next.fn args;                    \
        before;                                     \
        ret result = next.fn args;                  \
        after;                                      \
        return result;                              \
    }                                               \
    EXPORT ret fn params                            \
    {                                               \
        if (LIKELY(!access_on))                     \
            return next.fn args;                    \
        return recorded_##fn WITH_PC args;          \
    }
#undef PASSES
#define PASSES(what, ret, fn, params, args, before, after) \
    static NOINLINE ret recorded_##fn AND_PC params        \
    {                                                      \
        bool seen = recorded(pc);                          \
        if (TELLS & (what))                                \
            outside_tell();                                \
        if (seen) {                                        \
            before;                                        \
        }                                                  \
        ret result = next.fn args;                         \
        if (LEARNS & (what))                               \
            outside_learn();                               \
        if (seen) {                                        \
            after;                                         \
        }                                                  \
        return result;                                     \
    }                                                      \
    EXPORT ret fn params                                   \
    {                                                      \
        if (LIKELY(!access_on))                            \
            return next.fn args;                           \
        return recorded_##fn WITH_PC args;                 \
    }
#define RANGE_VOID(fn, params, args, before)         \
    static NOINLINE void recorded_##fn AND_PC params \
    {                                                \
        if (UNLIKELY(recorded(pc))) {                \
            before;                                  \
        }                                            \
        next.fn args;                                \
    }                                                \
    EXPORT void fn params                            \
    {                                                \
        if (LIKELY(!access_on))                      \
            next.fn args;                            \
        else                                         \
            recorded_##fn WITH_PC args;              \
    }
#include "shim/range.def"
#undef PASSES
#undef EARLY
#undef RANGE
#undef RANGE_VOID

/* The ones that take their arguments as `...`. */
#define PRINT(fn, params, last, p, room, call) \
    int fn params;                             \
    EXPORT int fn params                       \
    {                                          \
        uintptr_t pc = RETURN_PC;              \
        bool seen = recorded(pc);              \
        va_list list;                          \
        va_start(list, last);                  \
        if (seen)                              \
            ARGUMENTS(format, list);           \
        int result = next.call;                \
        va_end(list);                          \
        if (seen)                              \
            PRINTED(p, room)                   \
        return result;                         \
    }

PRINT(snprintf, (char *p, size_t n, const char *format, ...), format, p, n,
      vsnprintf(p, n, format, list))
PRINT(sprintf, (char *p, const char *format, ...), format, p, SIZE_MAX, vsprintf(p, format, list))
PRINT(__snprintf_chk, (char *p, size_t n, int flag, size_t size, const char *format, ...), format,
      p, n, __vsnprintf_chk(p, n, flag, size, format, list))
PRINT(__sprintf_chk, (char *p, int flag, size_t size, const char *format, ...), format, p, SIZE_MAX,
      __vsprintf_chk(p, flag, size, format, list))

#define ALLOCATES(fn, params, call)  \
    int fn params;                   \
    EXPORT int fn params             \
    {                                \
        uintptr_t pc = RETURN_PC;    \
        bool seen = recorded(pc);    \
        va_list list;                \
        va_start(list, format);      \
        if (seen)                    \
            ARGUMENTS(format, list); \
        int result = next.call;      \
        va_end(list);                \
        if (seen)                    \
            ALLOCATED(to)            \
        return result;               \
    }

ALLOCATES(asprintf, (char **to, const char *format, ...), vasprintf(to, format, list))
ALLOCATES(__asprintf_chk, (char **to, int flag, const char *format, ...),
          __vasprintf_chk(to, flag, format, list))

#define SCAN(fn, call)                                    \
    int fn(const char *s, const char *format, ...);       \
    EXPORT int fn(const char *s, const char *format, ...) \
    {                                                     \
        uintptr_t pc = RETURN_PC;                         \
        bool seen = recorded(pc);                         \
        va_list list;                                     \
        va_start(list, format);                           \
        KEEP(list)                                        \
        if (seen)                                         \
            READ(s, LENGTH(s) + 1)                        \
        int result = next.call;                           \
        if (seen)                                         \
            FILLED(format);                               \
        va_end(kept);                                     \
        va_end(list);                                     \
        return result;                                    \
    }

SCAN(__isoc99_sscanf, __isoc99_vsscanf(s, format, list))
