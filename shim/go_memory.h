/* The functions of shim/go_memory.def. They are only looked for, and only do anything, where accesses are recorded. */
#ifndef SHIM_GO_MEMORY_H
#define SHIM_GO_MEMORY_H

#include "shim/go.h"

struct go_pair {
    uintptr_t first, second;
};
typedef struct go_pair go_map_function(void *type, void *map, uintptr_t a, uintptr_t b,
                                       uintptr_t c);

struct go_memory_real {
#define GO_MAP(id, symbol, kind)           go_map_function *id;
#define GO_MEMORY(id, symbol, ret, params) ret(*id) params;
#include "shim/go_memory.def"
};
extern struct go_memory_real go_memory_real;

/* Finds them; or those of a libgo that came late. */
void go_memory_find(void *library);
#define MEMORY_REAL(id)                        (UNLIKELY(!go_memory_real.id) ? go_late() : (void)0, go_memory_real.id)
#define MEMORY_EXPORT(id, symbol, ret, params) EXPORT ret wrap_##id params __asm__(symbol)

/* go_library.c, guard up: a timer goes off; what its starter did is before `child` that it makes, or before the thread's
 * own task, which sends to its channel. `key`: the channel, or the function it calls. */
void go_timer_fires(struct thread *thread, uint32_t child, uintptr_t key);

#endif
