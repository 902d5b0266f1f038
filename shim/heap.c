/*
 * The malloc family and memory mappings. A block that is freed takes its synchronisation objects with it, always; where
 * accesses are recorded, blocks also have generations, so that memory used again is never mistaken for the same memory.
 *
 * The real functions are whatever comes after us (the libc's, or an allocator preloaded behind us). dlsym may allocate
 * while they are being looked for: those few blocks come from a small arena and are never given back.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "shim/access.h"
#include "shim/bytes.h"
#include "shim/fiber.h"
#include "shim/heap.h"
#include "shim/object.h"
#include "shim/openmp.h"
#include "shim/outside.h"
#include "shim/raw.h"
#include "shim/table.h"

// clang-format off
#define HEAP_FUNCTIONS(X)                                                                                              \
    X(malloc) X(calloc) X(realloc) X(free) X(posix_memalign) X(aligned_alloc) X(memalign) X(valloc) X(pvalloc)         \
    X(malloc_usable_size) X(mmap) X(mmap64) X(munmap) X(mremap) X(mprotect) X(pkey_mprotect)
// clang-format on

static struct {
#define X(fn) __typeof__(&fn) fn;
    HEAP_FUNCTIONS(X)
#undef X
} next;

static volatile uint32_t found; /* 0 no, 1 being looked for, 2 yes */
static uintptr_t allocator;     /* the next malloc */

#define ARENA 65536u
static struct piece {
    size_t size;
    size_t unused; /* pieces are aligned to 16 bytes */
} arena[ARENA / sizeof(struct piece)];
static size_t arena_used;

static NOINLINE bool find(void)
{
    uint32_t none = 0;
    if (!__atomic_compare_exchange_n(&found, &none, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return none == 2;
#define X(fn) *(void **)(void *)&next.fn = dlsym(RTLD_NEXT, #fn);
    HEAP_FUNCTIONS(X)
#undef X
    allocator = (uintptr_t)next.malloc;
    __atomic_store_n(&found, 2, __ATOMIC_RELEASE);
    return true;
}

__attribute__((constructor(101))) static void heap_setup(void)
{
    find();
}

static inline bool ready(void)
{
    return LIKELY(found == 2) || find();
}

static void *arena_get(size_t size, size_t alignment)
{
    if (alignment > sizeof(struct piece) || size > ARENA)
        return NULL;
    size_t pieces = 1 + (size + sizeof(struct piece) - 1) / sizeof(struct piece);
    size_t place = __atomic_fetch_add(&arena_used, pieces, __ATOMIC_RELAXED);
    if (place + pieces > sizeof arena / sizeof *arena)
        return NULL;
    arena[place].size = size;
    return &arena[place + 1];
}

static inline bool arena_holds(const void *p)
{
    return (uintptr_t)p - (uintptr_t)arena < sizeof arena;
}

/* ---- what we lend to the C library ---- */

static __thread struct heap_lent *lent __attribute__((tls_model("initial-exec")));

void heap_lend(struct heap_lent *room)
{
    lent = room;
    if (room)
        room->used = 0;
}

static inline bool lent_holds(const void *p)
{
    return UNLIKELY(lent != NULL) && (uintptr_t)p - (uintptr_t)lent->room < sizeof lent->room;
}

/* ---- whose malloc it is ---- */

static uintptr_t before; /* the malloc of a library before the recorder; 0: there is none */

/* The program's own calloc may be a stub that leads to anywhere: it is asked for a block and told where to take it from. */
static bool ours_is_called(void)
{
    void *(*take)(size_t, size_t);
    void (*give)(void *);
    struct heap_lent room;
    *(void **)(void *)&take = dlsym(RTLD_DEFAULT, "calloc");
    *(void **)(void *)&give = dlsym(RTLD_DEFAULT, "free");
    heap_lend(&room);
    uint8_t *p = take(1, 16);
    heap_lend(NULL);
    bool ours = p >= room.room && p < room.room + sizeof room.room;
    if (!ours)
        give(p);
    return ours;
}

bool heap_unseen(void)
{
    if (!ready() || ours_is_called())
        return false;
    const struct link_map *map = _r_debug.r_map;
    while (map && (map = map->l_next) && map->l_ld != _DYNAMIC && !before) {
        Dl_info info;
        void *library = dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
        void *own = library ? dlsym(library, "malloc") : NULL;
        if (own && dladdr(own, &info) && (uintptr_t)info.dli_fbase == map->l_addr)
            before = (uintptr_t)own;
    }
    return true;
}

bool heap_allocates(uintptr_t low, uintptr_t high)
{
    uintptr_t after = ready() ? allocator : 0;
    return (after >= low && after < high) || (before >= low && before < high);
}

/* ---- the C library patched ---- */

/*
 * What malloc and free do is in its code then. Words in blocks, lists of blocks, its locks are its own affair; the blocks
 * themselves are recorded here. So it counts as within our wrapper (patch_access.c), by functions in between that are there
 * in this case alone. (That its key in a block just freed is compared with who used the block gave false races.)
 */
// clang-format off
#define ALLOCATOR(X)                                                                     \
    X(void *, malloc, (size_t size), (size))                                             \
    X(void *, calloc, (size_t count, size_t size), (count, size))                        \
    X(void *, realloc, (void *p, size_t size), (p, size))                                \
    X(int, posix_memalign, (void **p, size_t alignment, size_t size), (p, alignment, size)) \
    X(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))         \
    X(void *, memalign, (size_t alignment, size_t size), (alignment, size))              \
    X(void *, valloc, (size_t size), (size))                                             \
    X(void *, pvalloc, (size_t size), (size))
// clang-format on

static struct {
#define X(type, fn, parameters, arguments) __typeof__(&fn) fn;
    ALLOCATOR(X)
#undef X
    __typeof__(&free) free;
} native;

static uintptr_t within_begin(uintptr_t frame)
{
    struct thread *thread = thread_current;
    if ((uintptr_t)thread <= THREAD_NONE)
        return 0;
    uintptr_t outer = thread->within;
    thread->within = frame;
    return outer;
}

static void within_end(uintptr_t outer)
{
    if ((uintptr_t)thread_current > THREAD_NONE)
        thread_current->within = outer;
}

#define X(type, fn, parameters, arguments)                                     \
    static type within_##fn parameters                                         \
    {                                                                          \
        uintptr_t outer = within_begin((uintptr_t)__builtin_frame_address(0)); \
        type result = native.fn arguments;                                     \
        within_end(outer);                                                     \
        return result;                                                         \
    }
ALLOCATOR(X)
#undef X

static void within_free(void *p)
{
    uintptr_t outer = within_begin((uintptr_t)__builtin_frame_address(0));
    native.free(p);
    within_end(outer);
}

void heap_nests(void)
{
    if (!ready() || native.malloc)
        return;
    native.free = next.free;
    next.free = within_free;
#define X(type, fn, parameters, arguments) \
    native.fn = next.fn;                   \
    next.fn = native.fn ? within_##fn : NULL;
    ALLOCATOR(X)
#undef X
}

/* NULL: it does not fit. */
static void *lent_get(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size > sizeof lent->room - lent->used)
        return NULL;
    void *p = lent->room + lent->used;
    lent->used += size;
    return p;
}

/* How long the old block was is not known: it ends where the used room does, or before. */
static void *lent_resize(void *p, size_t size)
{
    size_t old = p ? (size_t)(lent->room + lent->used - (uint8_t *)p) : 0;
    void *fresh = lent_get(size);
    if (!fresh)
        fresh = next.malloc(size);
    return fresh && old ? copy_bytes(fresh, p, old < size ? old : size) : fresh;
}

/* ---- what is recorded ---- */

/* Allocating does not attach a thread: it may be ld.so that calls, or a library's constructor. */
static inline struct thread *enter(void)
{
    struct thread *thread = thread_current;
    if ((uintptr_t)thread <= 1 || thread->busy || shim_state != SHIM_ON)
        return NULL;
    return thread_enter();
}

static NOINLINE void born(void *p, size_t size, uint32_t kind, uintptr_t pc)
{
    struct thread *thread = enter();
    if (!thread)
        return;
    access_alloc(thread, (uintptr_t)p, size ? size : 1, kind, pc);
    thread_leave(thread);
    if (UNLIKELY(openmp_gives))
        openmp_gave();
}

static inline void *made(void *p, size_t size, uintptr_t pc)
{
    if (UNLIKELY(access_on) && p)
        born(p, size, TRACE_ALLOC_HEAP, pc);
    return p;
}

static void dies(struct thread *thread, void *p, size_t size, uint32_t kind, uintptr_t pc)
{
    thread->free_pc = pc;
    thread->free_frame = (uintptr_t)__builtin_frame_address(0);
    object_range_gone(thread, (uintptr_t)p, size);
    if (UNLIKELY(fiber_any))
        fiber_stacks_gone(thread, (uintptr_t)p, size);
    if (UNLIKELY(access_on))
        access_free(thread, (uintptr_t)p, size, kind, pc);
    thread_leave(thread);
}

/* Its size, or 0 where nothing is recorded: then an allocator that is not ready yet is not asked either. */
static size_t block_dies(void *p, uintptr_t pc)
{
    struct thread *thread = enter();
    if (!thread)
        return 0;
    size_t size = next.malloc_usable_size ? next.malloc_usable_size(p) : 1;
    dies(thread, p, size, TRACE_ALLOC_HEAP, pc);
    return size;
}

void *heap_made(void *p, size_t size, uintptr_t pc)
{
    return made(p, size, pc);
}

void heap_dies(void *p, uintptr_t pc)
{
    if (ready())
        block_dies(p, pc);
}

static void mapping_dies(void *p, size_t size, uintptr_t pc)
{
    struct thread *thread = enter();
    if (thread)
        dies(thread, p, size, TRACE_ALLOC_MAP, pc);
}

/* ---- the malloc family ---- */

EXPORT void *malloc(size_t size)
{
    return ready() ? made(next.malloc(size), size, RETURN_PC) : arena_get(size, 1);
}

EXPORT void *calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = UNLIKELY(lent != NULL) ? lent_get(total) : NULL;
    if (p) {
        raw_zero(p, total);
        return p;
    }
    return ready() ? made(next.calloc(count, size), total, RETURN_PC) : arena_get(total, 1);
}

EXPORT void free(void *p)
{
    if (!p || arena_holds(p) || lent_holds(p) || !ready())
        return;
    block_dies(p, RETURN_PC);
    next.free(p);
}

static void *resize(void *p, size_t size, uintptr_t pc)
{
    if (!ready())
        return p ? NULL : arena_get(size, 1);
    if (UNLIKELY(lent != NULL) && (!p || lent_holds(p)))
        return lent_resize(p, size);
    if (!p)
        return made(next.realloc(p, size), size, pc);
    if (arena_holds(p)) {
        size_t old = ((struct piece *)p - 1)->size;
        void *copy = made(next.malloc(size), size, pc);
        return copy ? copy_bytes(copy, p, old < size ? old : size) : NULL;
    }
    size_t old = block_dies(p, pc);
    void *moved = next.realloc(p, size);
    if (!moved && size && old)
        made(p, old, pc); /* refused: the block lives on */
    return made(moved, size, pc);
}

EXPORT void *realloc(void *p, size_t size)
{
    return resize(p, size, RETURN_PC);
}

EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return resize(p, total, RETURN_PC);
}

EXPORT int posix_memalign(void **place, size_t alignment, size_t size)
{
    if (!ready())
        return (*place = arena_get(size, alignment)) ? 0 : ENOMEM;
    int error = next.posix_memalign(place, alignment, size);
    if (!error)
        made(*place, size, RETURN_PC);
    return error;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return ready() ? made(next.aligned_alloc(alignment, size), size, RETURN_PC)
                   : arena_get(size, alignment);
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    return ready() ? made(next.memalign(alignment, size), size, RETURN_PC)
                   : arena_get(size, alignment);
}

EXPORT void *valloc(size_t size)
{
    return ready() ? made(next.valloc(size), size, RETURN_PC) : NULL;
}

EXPORT void *pvalloc(size_t size)
{
    return ready() ? made(next.pvalloc(size), size, RETURN_PC) : NULL;
}

/* ---- mappings ---- */

/*
 * Code that the program makes for itself is not patched, and the report says so. The dynamic linker does not come by here,
 * and what is mapped privately from a file is no code that was made (libffi maps pages of its own once more).
 */
static void made_code(void)
{
    if (shim_state == SHIM_ON)
        __atomic_fetch_or(&process_record()->flags, TRACE_PROCESS_MADE_CODE, __ATOMIC_RELAXED);
}

/* Of a system call made before the real functions are known. */
static int raw_result(long result)
{
    if (!RAW_FAILED(result))
        return 0;
    errno = (int)-result;
    return -1;
}

static void *mapped(void *p, size_t size, int protection, int flags, uintptr_t pc)
{
    if (p == MAP_FAILED)
        return p;
    if (UNLIKELY(protection & PROT_EXEC && flags & (MAP_ANONYMOUS | MAP_SHARED)))
        made_code();
    if ((flags & MAP_TYPE) != MAP_PRIVATE && protection & PROT_WRITE)
        outside_shares(flags & MAP_ANONYMOUS);
    if (flags & MAP_FIXED) { /* what was mapped there is gone */
        struct thread *thread = enter();
        if (thread) {
            object_range_gone(thread, (uintptr_t)p, size);
            thread_leave(thread);
        }
    }
    if (UNLIKELY(access_on))
        born(p, size, TRACE_ALLOC_MAP, pc);
    return p;
}

EXPORT void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (!ready()) {
        void *p = raw_map(address, size, protection, flags, fd, (uint64_t)offset);
        return p ? p : MAP_FAILED;
    }
    return mapped(next.mmap(address, size, protection, flags, fd, offset), size, protection, flags,
                  RETURN_PC);
}

EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset)
{
    if (!ready()) {
        void *p = raw_map(address, size, protection, flags, fd, (uint64_t)offset);
        return p ? p : MAP_FAILED;
    }
    return mapped(next.mmap64(address, size, protection, flags, fd, offset), size, protection,
                  flags, RETURN_PC);
}

EXPORT int munmap(void *address, size_t size)
{
    if (!ready())
        return raw_result(raw2(SYS_munmap, address, size));
    mapping_dies(address, size, RETURN_PC);
    return next.munmap(address, size);
}

EXPORT void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
    void *target = NULL;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
        va_list more;
        va_start(more, flags);
        target = va_arg(more, void *);
        va_end(more);
    }
    if (!ready())
        return MAP_FAILED;
    if (old_size)
        mapping_dies(old, old_size, RETURN_PC);
    void *p = next.mremap(old, old_size, size, flags, target);
    if (UNLIKELY(access_on) && (p == MAP_FAILED || flags & MREMAP_DONTUNMAP))
        born(old, old_size, TRACE_ALLOC_MAP, RETURN_PC);
    return mapped(p, size, 0, 0, RETURN_PC);
}

EXPORT int mprotect(void *address, size_t size, int protection)
{
    if (!ready())
        return raw_result(raw3(SYS_mprotect, address, size, protection));
    if (UNLIKELY(protection & PROT_EXEC))
        made_code();
    outside_tell(); /* a thread may be told by a fault */
    return next.mprotect(address, size, protection);
}

EXPORT int pkey_mprotect(void *address, size_t size, int protection, int key)
{
    if (!ready())
        return raw_result(raw4(SYS_pkey_mprotect, address, size, protection, key));
    if (UNLIKELY(protection & PROT_EXEC))
        made_code();
    return next.pkey_mprotect(address, size, protection, key);
}
