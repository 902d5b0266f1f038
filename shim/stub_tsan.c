/*
 * The stub libtsan.so.2: what programs built by `gcc -fsanitize=thread` are linked to, without ThreadSanitizer behind it.
 * `gorocheck run` puts it where they find it first, and preloads the recorder before it; without the recorder they run as
 * if they had not been instrumented. Atomic operations are real, everything else does nothing.
 */
#include "shim/abi.h"
#include "shim/access_state.h"
#include "shim/atomic_native.h"
#include "shim/bytes.h"

/* What libgorocheck_near.a reads and calls: a filter that never hits, and nobody behind it. */
static struct filter_entry nothing = ACCESS_NOTHING;
static uint64_t no_frames[2];
static uint32_t no_guard[2] = ACCESS_NO_GUARD;
__thread struct access_fast access_fast = ACCESS_FAST_EMPTY(nothing, no_frames, no_guard, NULL);

void access_slow(uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
{
    (void)address, (void)size, (void)kind, (void)pc;
}

void access_guarded(uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
{
    (void)address, (void)size, (void)kind, (void)pc;
}

void access_deliver(void)
{
}

void shadow_enter_slow(uint64_t pc, uint64_t sp)
{
    (void)pc, (void)sp;
}

void shadow_leave_slow(void)
{
}

#define ACCESS(name, size, flags, place) \
    void __tsan_##name(void *p);         \
    EXPORT void __tsan_##name(void *p)   \
    {                                    \
        (void)p;                         \
    }
#define ACCESS_PC(name, size, flags)             \
    void __tsan_##name(void *p, void *pc);       \
    EXPORT void __tsan_##name(void *p, void *pc) \
    {                                            \
        (void)p, (void)pc;                       \
    }
#include "shim/abi.def"
#undef ACCESS
#undef ACCESS_PC

#define WIDTH(bits, type)                                                                        \
    type __tsan_atomic##bits##_load(const volatile type *p, int order);                          \
    EXPORT type __tsan_atomic##bits##_load(const volatile type *p, int order)                    \
    {                                                                                            \
        (void)order;                                                                             \
        return native_load_##bits(p);                                                            \
    }                                                                                            \
    void __tsan_atomic##bits##_store(volatile type *p, type value, int order);                   \
    EXPORT void __tsan_atomic##bits##_store(volatile type *p, type value, int order)             \
    {                                                                                            \
        (void)order;                                                                             \
        native_store_##bits(p, value);                                                           \
    }                                                                                            \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *p, type expected, type value, \
                                                    int order, int failed);                      \
    EXPORT type __tsan_atomic##bits##_compare_exchange_val(volatile type *p, type expected,      \
                                                           type value, int order, int failed)    \
    {                                                                                            \
        (void)order, (void)failed;                                                               \
        return native_swap_##bits(p, expected, value);                                           \
    }                                                                                            \
    SWAP(bits, type, strong)                                                                     \
    SWAP(bits, type, weak)                                                                       \
    ATOMIC_RMWS(RMW, bits, type)

#define SWAP(bits, type, strength)                                                            \
    int __tsan_atomic##bits##_compare_exchange_##strength(volatile type *p, type *expected,   \
                                                          type value, int order, int failed); \
    EXPORT int __tsan_atomic##bits##_compare_exchange_##strength(                             \
        volatile type *p, type *expected, type value, int order, int failed)                  \
    {                                                                                         \
        (void)order, (void)failed;                                                            \
        type wanted = *expected;                                                              \
        type old = native_swap_##bits(p, wanted, value);                                      \
        if (old == wanted)                                                                    \
            return 1;                                                                         \
        *expected = old;                                                                      \
        return 0;                                                                             \
    }

#define RMW(bits, type, operation)                                                         \
    type __tsan_atomic##bits##_##operation(volatile type *p, type value, int order);       \
    EXPORT type __tsan_atomic##bits##_##operation(volatile type *p, type value, int order) \
    {                                                                                      \
        (void)order;                                                                       \
        return native_##operation##_##bits(p, value);                                      \
    }

ATOMIC_WIDTHS(WIDTH)

EXPORT void __tsan_atomic_thread_fence(int order)
{
    (void)order;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

EXPORT void __tsan_atomic_signal_fence(int order)
{
    (void)order;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

EXPORT void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    return copy_bytes(to, from, size);
}

EXPORT void *__tsan_memmove(void *to, const void *from, size_t size)
{
    return copy_bytes(to, from, size);
}

EXPORT void *__tsan_memset(void *to, int byte, size_t size)
{
    return fill_bytes(to, byte, size);
}

EXPORT int __tsan_mutex_pre_unlock(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
    return 1;
}

EXPORT void *__tsan_get_current_fiber(void)
{
    static __thread char fiber;
    return &fiber;
}

EXPORT void *__tsan_create_fiber(unsigned flags)
{
    static uintptr_t last;
    (void)flags;
    return (void *)__atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

EXPORT void *__tsan_external_register_tag(const char *type)
{
    (void)type;
    return (void *)1;
}

EXPORT int RunningOnValgrind(void)
{
    return 0;
}

EXPORT double ValgrindSlowdown(void)
{
    return 1;
}

/* NOTHING(name, parameters, names): a function without effect. */
#define NOTHING(name, parameters, names) \
    EXPORT void name parameters          \
    {                                    \
        NOTHING_##names;                 \
    }
#define NOTHING_NONE (void)0
#define NOTHING_P    (void)p
#define NOTHING_PQ   (void)p, (void)q
#define NOTHING_PQR  (void)p, (void)q, (void)r
#define NOTHING_PQRT (void)p, (void)q, (void)r, (void)t

NOTHING(__tsan_init, (void), NONE)
NOTHING(__tsan_func_entry, (void *p), P)
NOTHING(__tsan_func_exit, (void), NONE)
NOTHING(__tsan_vptr_read, (void **p), P)
NOTHING(__tsan_vptr_update, (void **p, void *q), PQ)
NOTHING(__tsan_read_range, (void *p, size_t q), PQ)
NOTHING(__tsan_write_range, (void *p, size_t q), PQ)
NOTHING(__tsan_read_range_pc, (void *p, size_t q, void *r), PQR)
NOTHING(__tsan_write_range_pc, (void *p, size_t q, void *r), PQR)
NOTHING(__tsan_ignore_thread_begin, (void), NONE)
NOTHING(__tsan_ignore_thread_end, (void), NONE)
NOTHING(__tsan_flush_memory, (void), NONE)
NOTHING(__tsan_acquire, (void *p), P)
NOTHING(__tsan_release, (void *p), P)
NOTHING(__tsan_mutex_create, (void *p, unsigned q), PQ)
NOTHING(__tsan_mutex_destroy, (void *p, unsigned q), PQ)
NOTHING(__tsan_mutex_pre_lock, (void *p, unsigned q), PQ)
NOTHING(__tsan_mutex_post_lock, (void *p, unsigned q, int r), PQR)
NOTHING(__tsan_mutex_post_unlock, (void *p, unsigned q), PQ)
NOTHING(__tsan_mutex_pre_signal, (void *p, unsigned q), PQ)
NOTHING(__tsan_mutex_post_signal, (void *p, unsigned q), PQ)
NOTHING(__tsan_mutex_pre_divert, (void *p, unsigned q), PQ)
NOTHING(__tsan_mutex_post_divert, (void *p, unsigned q), PQ)
NOTHING(__tsan_destroy_fiber, (void *p), P)
NOTHING(__tsan_switch_to_fiber, (void *p, unsigned q), PQ)
NOTHING(__tsan_set_fiber_name, (void *p, const char *q), PQ)
NOTHING(__tsan_external_register_header, (void *p, const char *q), PQ)
NOTHING(__tsan_external_assign_tag, (void *p, void *q), PQ)
NOTHING(__tsan_external_read, (void *p, void *q, void *r), PQR)
NOTHING(__tsan_external_write, (void *p, void *q, void *r), PQR)
#define ANNOTATION(verb, name) NOTHING(name, (const char *p, int q, void *r, size_t t), PQRT)
#include "shim/annotation.def"
#undef ANNOTATION
