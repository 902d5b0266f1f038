/*
 * printf, scanf and their kin, which take their arguments as `...`: each calls the one that takes a list, whose wrapper
 * (outside.def, trace/primitives.def) knows what it tells or learns. Not in outside.c, since only code that is compiled
 * with vector registers passes floating point numbers on.
 */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1 /* vprintf is declared here, not inlined */
#endif

#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>

#include "shim/arguments.h"
#include "shim/touch.h"

/* Our own, also where the program has one of that name, which the C library's printf would not call either. */
#define OURS __attribute__((visibility("protected")))
OURS int vprintf(const char *format, va_list list);
OURS int vfprintf(FILE *stream, const char *format, va_list list);
OURS int vdprintf(int fd, const char *format, va_list list);
OURS int vfwprintf(FILE *stream, const wchar_t *format, va_list list);
OURS int __vprintf_chk(int flag, const char *format, va_list list);
OURS int __vfprintf_chk(FILE *stream, int flag, const char *format, va_list list);
OURS int __vdprintf_chk(int fd, int flag, const char *format, va_list list);
OURS int __isoc99_vscanf(const char *format, va_list list);
OURS int __isoc99_vfscanf(FILE *stream, const char *format, va_list list);

#define PRINT(fn, params, last, before, call, after) \
    int fn params;                                   \
    EXPORT int fn params                             \
    {                                                \
        uintptr_t pc = RETURN_PC;                    \
        va_list list;                                \
        va_start(list, last);                        \
        before;                                      \
        int result = call;                           \
        va_end(list);                                \
        after;                                       \
        (void)pc;                                    \
        return result;                               \
    }
#define READS         \
    if (recorded(pc)) \
    arguments_read(format, list, pc)
#define KEEPS     \
    va_list kept; \
    va_copy(kept, list)
#define FILLS                                        \
    if (recorded(pc))                                \
        arguments_written(format, kept, result, pc); \
    va_end(kept)

PRINT(printf, (const char *format, ...), format, READS, vprintf(format, list), )
PRINT(fprintf, (FILE * stream, const char *format, ...), format, READS,
      vfprintf(stream, format, list), )
PRINT(dprintf, (int fd, const char *format, ...), format, READS, vdprintf(fd, format, list), )
PRINT(__printf_chk, (int flag, const char *format, ...), format, READS,
      __vprintf_chk(flag, format, list), )
PRINT(__fprintf_chk, (FILE * stream, int flag, const char *format, ...), format, READS,
      __vfprintf_chk(stream, flag, format, list), )
PRINT(__dprintf_chk, (int fd, int flag, const char *format, ...), format, READS,
      __vdprintf_chk(fd, flag, format, list), )
PRINT(fwprintf, (FILE * stream, const wchar_t *format, ...), format, ,
      vfwprintf(stream, format, list), )
PRINT(wprintf, (const wchar_t *format, ...), format, , vfwprintf(stdout, format, list), )
PRINT(__isoc99_scanf, (const char *format, ...), format, KEEPS, __isoc99_vscanf(format, list),
      FILLS)
PRINT(__isoc99_fscanf, (FILE * stream, const char *format, ...), format, KEEPS,
      __isoc99_vfscanf(stream, format, list), FILLS)
