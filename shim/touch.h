/* What a libc function reads and writes of its caller's memory, for the wrappers that make it known (range.c, fd_io.c). */
#ifndef SHIM_TOUCH_H
#define SHIM_TOUCH_H

#include <sys/uio.h>

#include "shim/access.h"
#include "shim/module.h"

#define KIND_RANGE (TRACE_KIND_RANGE | 15u << 4)

static inline bool recorded(uintptr_t pc)
{
    return UNLIKELY(access_on) && module_instrumented(pc);
}

void touch_vector(const struct iovec *v, int count, size_t total, uint32_t kind, uintptr_t pc);

static inline void touch_read(const void *p, size_t n, uintptr_t pc)
{
    access_slow((uintptr_t)p, n, KIND_RANGE, pc);
}

static inline void touch_write(const void *p, size_t n, uintptr_t pc)
{
    access_slow((uintptr_t)p, n, KIND_RANGE | TRACE_KIND_WRITE, pc);
}

/* As the rows of tables say it. */
#define READ(p, n)                    touch_read(p, n, pc);
#define WRITE(p, n)                   touch_write(p, n, pc);
#define VECTOR(v, count, total, kind) touch_vector(v, count, total, kind, pc);

#endif
