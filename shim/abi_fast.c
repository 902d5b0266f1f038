/*
 * The fast paths of the __tsan_* ABI: loads, stores, function entry and exit. They only read the filter: no guard, no
 * store; what it has not seen goes to access_slow().
 *
 * This file is built twice: into the recorder, for binaries that were linked to a ThreadSanitizer runtime, and (with
 * ENTRY hidden) into libgorocheck_near.a, which `gorocheck cc` links into the program itself, since a call to another
 * library costs about 1 ns more than one within the program, as much as all the rest (docs/design.md). There it reads the
 * recorder's filter through the symbols of access_state.h, whose names carry the version of this layout.
 *
 * Built with -fomit-frame-pointer: a frame would cost these few instructions a third more.
 */
#include "shim/abi.h"
#include "shim/access_state.h"

#ifndef ENTRY
#define ENTRY EXPORT
#endif

#define BYTES(size)             ((UINT64_C(1) << (size)) - 1)
#define ALIGNED(address, size)  true
#define ANYWHERE(address, size) ((address) % LINE_BYTES <= LINE_BYTES - (size))

/*
 * Not all of it was seen in this way. If the line was, the access may only add bytes to an open record; else, and whenever
 * anything else is to be done, the recorder does it. The guard goes up before anything is looked at that a signal handler
 * might change.
 */
static inline __attribute__((always_inline)) void record(uintptr_t address, size_t size,
                                                         uint32_t kind, uintptr_t pc)
{
    volatile uint32_t *guard = access_fast.guard;
    if (UNLIKELY(guard[0] || *access_fast.life != SHIM_ON)) {
        access_slow(address, size, kind, pc);
        return;
    }
    guard[0] = 1;
    __asm__ volatile("" ::: "memory");
    if (UNLIKELY(address % LINE_BYTES > LINE_BYTES - size ||
                 access_fast.top != access_fast.context_top ||
                 !access_more(address, size, kind, pc))) {
        access_guarded(address, size, kind, pc);
        return;
    }
    __asm__ volatile("" ::: "memory");
    guard[0] = 0;
    __asm__ volatile("" ::: "memory");
    if (UNLIKELY(guard[1]))
        access_deliver();
}

/* The second function keeps its registers out of the first one. */
#define ACCESS(name, size, flags, place)                                         \
    static NOINLINE void name##_new(uintptr_t address, uintptr_t pc)             \
    {                                                                            \
        record(address, size, ACCESS_KIND(flags, size), pc);                     \
    }                                                                            \
    ENTRY void __tsan_##name(void *p);                                           \
    ENTRY void __tsan_##name(void *p)                                            \
    {                                                                            \
        uintptr_t address = (uintptr_t)p;                                        \
        if (LIKELY(place(address, size) &&                                       \
                   access_seen(address, BYTES(size), (flags)&TRACE_KIND_WRITE))) \
            return;                                                              \
        name##_new(address, RETURN_PC);                                          \
    }
#define ACCESS_PC(name, size, flags)
#include "shim/abi.def"
#undef ACCESS
#undef ACCESS_PC

ENTRY void __tsan_func_entry(void *pc)
{
    shadow_enter((uintptr_t)pc, (uintptr_t)__builtin_dwarf_cfa());
}

ENTRY void __tsan_func_exit(void)
{
    shadow_leave();
}

ENTRY void __tsan_vptr_read(void **place)
{
    if (!access_seen((uintptr_t)place, BYTES(8), false))
        access_slow((uintptr_t)place, 8, ACCESS_KIND(TRACE_KIND_VPTR, 8), RETURN_PC);
}

/* Constructors and destructors store the same pointer again and again: that changes nothing for anybody. */
ENTRY void __tsan_vptr_update(void **place, void *value)
{
    if (*place != value && !access_seen((uintptr_t)place, BYTES(8), true))
        access_slow((uintptr_t)place, 8, ACCESS_KIND(TRACE_KIND_VPTR | TRACE_KIND_WRITE, 8),
                    RETURN_PC);
}
