/*
 * operator new and delete. Those of the C++ library call malloc and free, where blocks are recorded. An allocator that has
 * its own (tcmalloc, jemalloc, mimalloc) does not come by there: unless they are recorded here, memory that one thread gave
 * back and another got looks like memory that both use, and that is a race that never was.
 *
 * Invariant: what the program gets, and what is thrown, is what the next definition after ours gives; where that is the C++
 * library's, nothing else is done. A definition of the program's own comes before ours and never leads here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "shim/heap.h"
#include "shim/late.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/shim.h"

typedef const void *tag;    /* std::nothrow_t */
typedef size_t alignment_t; /* std::align_val_t */

// clang-format off
#define NEW_FUNCTIONS(X)                                                                                               \
    X(_Znwm, (size_t size), (size), 1) X(_Znam, (size_t size), (size), 1)                                              \
    X(_ZnwmRKSt9nothrow_t, (size_t size, tag t), (size, t), 1) X(_ZnamRKSt9nothrow_t, (size_t size, tag t), (size, t), 1) \
    X(_ZnwmSt11align_val_t, (size_t size, alignment_t a), (size, a), a)                                                \
    X(_ZnamSt11align_val_t, (size_t size, alignment_t a), (size, a), a)                                                \
    X(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, alignment_t a, tag t), (size, a, t), a)                        \
    X(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, alignment_t a, tag t), (size, a, t), a)
#define DELETE_FUNCTIONS(X)                                                                                            \
    X(_ZdlPv, (void *p), (p)) X(_ZdaPv, (void *p), (p))                                                                \
    X(_ZdlPvm, (void *p, size_t size), (p, size)) X(_ZdaPvm, (void *p, size_t size), (p, size))                        \
    X(_ZdlPvRKSt9nothrow_t, (void *p, tag t), (p, t)) X(_ZdaPvRKSt9nothrow_t, (void *p, tag t), (p, t))                \
    X(_ZdlPvSt11align_val_t, (void *p, alignment_t a), (p, a))                                                         \
    X(_ZdaPvSt11align_val_t, (void *p, alignment_t a), (p, a))                                                         \
    X(_ZdlPvmSt11align_val_t, (void *p, size_t size, alignment_t a), (p, size, a))                                     \
    X(_ZdaPvmSt11align_val_t, (void *p, size_t size, alignment_t a), (p, size, a))                                     \
    X(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *p, alignment_t a, tag t), (p, a, t))                                 \
    X(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *p, alignment_t a, tag t), (p, a, t))
// clang-format on

/* Of whom the next definition is; 0: not looked for yet. */
enum { OF_LIBRARY = 1, OF_ALLOCATOR, OF_NOBODY };

static struct {
#define X(fn, params, args, a) void *(*fn)params;
    NEW_FUNCTIONS(X)
#undef X
#define X(fn, params, args) void(*fn) params;
    DELETE_FUNCTIONS(X)
#undef X
} next;
static struct {
#define X(fn, ...) uint8_t fn;
    NEW_FUNCTIONS(X)
    DELETE_FUNCTIONS(X)
#undef X
} whose;

static const struct {
    const char *name;
    void **place;
    uint8_t *of;
} functions[] = {
#define X(fn, ...) {#fn, (void **)(void *)&next.fn, &whose.fn},
    NEW_FUNCTIONS(X) DELETE_FUNCTIONS(X)
#undef X
};

/* `pc`: of who calls it; 0: nobody does yet. */
static uint8_t find(void **place, const char *name, uintptr_t pc)
{
    int error = errno;
    Dl_info info;
    void *found = dlsym(RTLD_NEXT, name);
    if (!found && pc && dladdr((const void *)pc, &info) && info.dli_fname) {
        void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD); /* the caller's own */
        found = library ? dlsym(library, name) : NULL;
    }
    bool library = found && dladdr(found, &info) && info.dli_fname && late_is_cxx(info.dli_fname);
    errno = error;
    *place = found;
    return !found ? OF_NOBODY : library ? OF_LIBRARY : OF_ALLOCATOR;
}

static void found(size_t i, void *place, uint8_t of)
{
    __atomic_store_n(functions[i].place, place, __ATOMIC_RELAXED);
    __atomic_store_n(functions[i].of, of, __ATOMIC_RELEASE);
}

void heap_cxx_find(void)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *place = NULL;
        uint8_t of = find(&place, functions[i].name, 0);
        if (of == OF_NOBODY && i == 0)
            return;
        if (of != OF_NOBODY)
            found(i, place, of);
    }
}

/* A C program has none, and a library with them may come late, even out of the global scope. */
static NOINLINE void find_late(const uint8_t *of, uintptr_t pc)
{
    size_t i = 0;
    while (functions[i].of != of)
        i++;
    void *place = late_find(functions[i].name);
    uint8_t known = place ? OF_LIBRARY : find(&place, functions[i].name, pc);
    found(i, place, known);
}

static inline uint8_t next_of(const uint8_t *of, uintptr_t pc)
{
    if (UNLIKELY(!__atomic_load_n(of, __ATOMIC_ACQUIRE)))
        find_late(of, pc);
    return *of;
}

#define NEXT(fn) next_of(&whose.fn, RETURN_PC)

#define X(fn, params, args, alignment)                                                       \
    EXPORT void *fn params;                                                                  \
    EXPORT void *fn params                                                                   \
    {                                                                                        \
        uint8_t of = NEXT(fn);                                                               \
        if (LIKELY(of == OF_LIBRARY))                                                        \
            return next.fn args;                                                             \
        if (of == OF_NOBODY)                                                                 \
            return alignment > 1 ? aligned_alloc(alignment, size) : malloc(size ? size : 1); \
        return heap_made(next.fn args, size, RETURN_PC);                                     \
    }
NEW_FUNCTIONS(X)
#undef X

#define X(fn, params, args)                  \
    EXPORT void fn params;                   \
    EXPORT void fn params                    \
    {                                        \
        uint8_t of = NEXT(fn);               \
        if (of == OF_NOBODY) {               \
            free(p);                         \
            return;                          \
        }                                    \
        if (UNLIKELY(of != OF_LIBRARY) && p) \
            heap_dies(p, RETURN_PC);         \
        next.fn args;                        \
    }
DELETE_FUNCTIONS(X)
#undef X
