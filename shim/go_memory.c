/*
 * Memory of Go programs that the runtime touches for them: maps, copies of values with pointers, new blocks. Accesses are
 * recorded only where the program itself called; what the runtime does for the library is no concern of a race.
 *
 * The collector does not move objects, but gives their memory away again: each allocation begins a new generation.
 */
#include "shim/go_memory.h"

#include <dlfcn.h>

#include "shim/access.h"
#include "shim/banned.h"

struct go_memory_real go_memory_real;

void go_memory_find(void *library)
{
#define FIND(id, symbol)                   *(void **)(void *)&go_memory_real.id = dlsym(library, symbol);
#define GO_MAP(id, symbol, kind)           FIND(id, symbol)
#define GO_MEMORY(id, symbol, ret, params) FIND(id, symbol)
#include "shim/go_memory.def"
}

static inline bool wanted(uintptr_t pc)
{
    return UNLIKELY(access_on) && !go_is_runtime(pc);
}

static NOINLINE void touched(void *address, uintptr_t size, uint32_t flags, uintptr_t pc)
{
    struct thread *thread = address && size ? thread_enter() : NULL;
    if (!thread)
        return;
    uint32_t kind = size == 8 ? ACCESS_KIND(flags, 8) : flags | TRACE_KIND_RANGE | 15u << 4;
    access_record(thread, (uintptr_t)address, size, kind, pc);
    thread_leave(thread);
}

#define READ  0u
#define WRITE TRACE_KIND_WRITE

#define GO_MAP(id, symbol, kind)                                                                  \
    MEMORY_EXPORT(id, symbol, struct go_pair,                                                     \
                  (void *type, void *map, uintptr_t a, uintptr_t b, uintptr_t c));                \
    EXPORT struct go_pair wrap_##id(void *type, void *map, uintptr_t a, uintptr_t b, uintptr_t c) \
    {                                                                                             \
        if (wanted(RETURN_PC))                                                                    \
            touched(map, 8, kind, RETURN_PC);                                                     \
        return MEMORY_REAL(id)(type, map, a, b, c);                                               \
    }
#include "shim/go_memory.def"

static NOINLINE void allocated(void *block, uintptr_t size, uintptr_t pc)
{
    struct thread *thread = block ? thread_enter() : NULL;
    if (!thread)
        return;
    access_alloc(thread, (uintptr_t)block, size, TRACE_ALLOC_HEAP, pc);
    thread_leave(thread);
}

MEMORY_EXPORT(mallocgc, "runtime.mallocgc", void *, (uintptr_t size, void *type, bool zero));
EXPORT void *wrap_mallocgc(uintptr_t size, void *type, bool zero)
{
    void *block = MEMORY_REAL(mallocgc)(size, type, zero);
    if (UNLIKELY(access_on))
        allocated(block, size, RETURN_PC);
    return block;
}

/* A type descriptor begins with the size of its values. Every send and receive copies one: what is recorded is apart, so
 * that the usual case saves no registers. */
static NOINLINE void moved(const uintptr_t *type, void *to, void *from, uintptr_t pc)
{
    if (wanted(pc)) {
        touched(from, type[0], READ, pc);
        touched(to, type[0], WRITE, pc);
    }
    MEMORY_REAL(typedmemmove)(type, to, from);
}

static NOINLINE void cleared(const uintptr_t *type, void *to, uintptr_t pc)
{
    if (wanted(pc))
        touched(to, type[0], WRITE, pc);
    MEMORY_REAL(typedmemclr)(type, to);
}

MEMORY_EXPORT(typedmemmove, "runtime.typedmemmove", void,
              (const uintptr_t *type, void *to, void *from));
EXPORT void wrap_typedmemmove(const uintptr_t *type, void *to, void *from)
{
    if (LIKELY(!access_on && go_memory_real.typedmemmove))
        go_memory_real.typedmemmove(type, to, from);
    else
        moved(type, to, from, RETURN_PC);
}

MEMORY_EXPORT(typedmemclr, "runtime.typedmemclr", void, (const uintptr_t *type, void *to));
EXPORT void wrap_typedmemclr(const uintptr_t *type, void *to)
{
    if (LIKELY(!access_on && go_memory_real.typedmemclr))
        go_memory_real.typedmemclr(type, to);
    else
        cleared(type, to, RETURN_PC);
}

MEMORY_EXPORT(typedslicecopy, "runtime.typedslicecopy", intptr_t,
              (const uintptr_t *type, void *to, intptr_t to_count, void *from,
               intptr_t from_count));
EXPORT intptr_t wrap_typedslicecopy(const uintptr_t *type, void *to, intptr_t to_count, void *from,
                                    intptr_t from_count)
{
    if (wanted(RETURN_PC)) {
        intptr_t count = to_count < from_count ? to_count : from_count;
        touched(from, (uintptr_t)count * type[0], READ, RETURN_PC);
        touched(to, (uintptr_t)count * type[0], WRITE, RETURN_PC);
    }
    return MEMORY_REAL(typedslicecopy)(type, to, to_count, from, from_count);
}

/* append() that needs more room reads what there was. */
MEMORY_EXPORT(growslice, "runtime.growslice", void *,
              (void *result, const uintptr_t *type, void *old, intptr_t count, intptr_t capacity,
               intptr_t wanted_count));
EXPORT void *wrap_growslice(void *result, const uintptr_t *type, void *old, intptr_t count,
                            intptr_t capacity, intptr_t wanted_count)
{
    if (wanted(RETURN_PC))
        touched(old, (uintptr_t)count * type[0], READ, RETURN_PC);
    return MEMORY_REAL(growslice)(result, type, old, count, capacity, wanted_count);
}

/* string(bytes) and string(runes). */
MEMORY_EXPORT(bytes_string, "runtime.slicebytetostring", struct go_pair,
              (void *buffer, void *bytes, intptr_t count));
EXPORT struct go_pair wrap_bytes_string(void *buffer, void *bytes, intptr_t count)
{
    if (wanted(RETURN_PC))
        touched(bytes, (uintptr_t)count, READ, RETURN_PC);
    return MEMORY_REAL(bytes_string)(buffer, bytes, count);
}

MEMORY_EXPORT(runes_string, "runtime.slicerunetostring", struct go_pair,
              (void *buffer, struct go_slice runes));
EXPORT struct go_pair wrap_runes_string(void *buffer, struct go_slice runes)
{
    if (wanted(RETURN_PC))
        touched(runes.items, (uintptr_t)runes.count * sizeof(int32_t), READ, RETURN_PC);
    return MEMORY_REAL(runes_string)(buffer, runes);
}

/* While the collector marks, a store of a pointer is this call. */
MEMORY_EXPORT(write_barrier, "runtime.gcWriteBarrier", void, (void *to, void *value));
EXPORT void wrap_write_barrier(void *to, void *value)
{
    if (wanted(RETURN_PC))
        touched(to, 8, WRITE, RETURN_PC);
    MEMORY_REAL(write_barrier)(to, value);
}
