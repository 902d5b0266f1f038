/* The functions behind our wrappers: one pointer per row of trace/primitives.def, found by dlsym at the start. */
#ifndef SHIM_REAL_H
#define SHIM_REAL_H

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

struct real {
#define PRIM(ret, fn, params, args, kind, object, value, verb, ok) ret(*fn) params;
#define PRIM_VOID(fn, params, args, kind, object, value, verb)     void(*fn) params;
#define TRY(ret, fn, params, args, kind, object, verb, ok, probe)  ret(*fn) params;
#define COND(ret, fn, params, args, cond, mutex, verb, ok)         ret(*fn) params;
#define HAND(fn, kind, verb)                                       __typeof__(&fn) fn;
#include "trace/primitives.def"
#undef PRIM
#undef PRIM_VOID
#undef TRY
#undef COND
#undef HAND
};
extern struct real real;
void real_find(void);
void *real_late(const char *name);

#endif
