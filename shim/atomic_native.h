/*
 * The real atomic operations behind __tsan_atomic*, all sequentially consistent: whatever order the program asked for,
 * it gets at least that. Shared by the recorder (atomic.c) and the stub (stub_tsan.c). 16 bytes are one cmpxchg16b (built
 * with -mcx16; the __atomic builtins would call a library).
 */
#ifndef SHIM_ATOMIC_NATIVE_H
#define SHIM_ATOMIC_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 native128;

/* WIDTH(bits, type) for each width; RMW(bits, type, operation) for each read-modify-write of a width. */
#define ATOMIC_WIDTHS(WIDTH) \
    WIDTH(8, uint8_t)        \
    WIDTH(16, uint16_t)      \
    WIDTH(32, uint32_t)      \
    WIDTH(64, uint64_t)      \
    WIDTH(128, native128)
#define ATOMIC_RMWS(RMW, bits, type) \
    RMW(bits, type, exchange)        \
    RMW(bits, type, fetch_add)       \
    RMW(bits, type, fetch_sub)       \
    RMW(bits, type, fetch_and)       \
    RMW(bits, type, fetch_or)        \
    RMW(bits, type, fetch_xor)       \
    RMW(bits, type, fetch_nand)

#define NATIVE(bits, type)                                                             \
    static inline type native_load_##bits(const volatile type *p)                      \
    {                                                                                  \
        return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                   \
    }                                                                                  \
    static inline void native_store_##bits(volatile type *p, type value)               \
    {                                                                                  \
        __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                  \
    }                                                                                  \
    /* Returns what was there: equal to `expected` if `value` is there now. */         \
    static inline type native_swap_##bits(volatile type *p, type expected, type value) \
    {                                                                                  \
        __atomic_compare_exchange_n(p, &expected, value, false, __ATOMIC_SEQ_CST,      \
                                    __ATOMIC_SEQ_CST);                                 \
        return expected;                                                               \
    }                                                                                  \
    ATOMIC_RMWS(NATIVE_RMW, bits, type)
#define NATIVE_RMW(bits, type, operation)                                        \
    static inline type native_##operation##_##bits(volatile type *p, type value) \
    {                                                                            \
        return NATIVE_##operation(p, value);                                     \
    }
#define NATIVE_exchange(p, value)   __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST)
#define NATIVE_fetch_add(p, value)  __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST)
#define NATIVE_fetch_sub(p, value)  __atomic_fetch_sub(p, value, __ATOMIC_SEQ_CST)
#define NATIVE_fetch_and(p, value)  __atomic_fetch_and(p, value, __ATOMIC_SEQ_CST)
#define NATIVE_fetch_or(p, value)   __atomic_fetch_or(p, value, __ATOMIC_SEQ_CST)
#define NATIVE_fetch_xor(p, value)  __atomic_fetch_xor(p, value, __ATOMIC_SEQ_CST)
#define NATIVE_fetch_nand(p, value) __atomic_fetch_nand(p, value, __ATOMIC_SEQ_CST)

NATIVE(8, uint8_t)
NATIVE(16, uint16_t)
NATIVE(32, uint32_t)
NATIVE(64, uint64_t)
#undef NATIVE_RMW

static inline native128 native_swap_128(volatile native128 *p, native128 expected, native128 value)
{
    return __sync_val_compare_and_swap(p, expected, value);
}

static inline native128 native_load_128(const volatile native128 *p)
{
    union {
        const volatile native128 *from;
        volatile native128 *p;
    } cast = {.from = p};
    return native_swap_128(cast.p, 0,
                           0); /* a store of what is there: the memory must be writable */
}

#define AFTER_exchange(old, value)   (value)
#define AFTER_fetch_add(old, value)  ((old) + (value))
#define AFTER_fetch_sub(old, value)  ((old) - (value))
#define AFTER_fetch_and(old, value)  ((old) & (value))
#define AFTER_fetch_or(old, value)   ((old) | (value))
#define AFTER_fetch_xor(old, value)  ((old) ^ (value))
#define AFTER_fetch_nand(old, value) (~((old) & (value)))
#define NATIVE_RMW(bits, type, operation)                                              \
    static inline type native_##operation##_##bits(volatile type *p, type value)       \
    {                                                                                  \
        type old = native_load_128(p), seen;                                           \
        while ((seen = native_swap_128(p, old, AFTER_##operation(old, value))) != old) \
            old = seen;                                                                \
        return old;                                                                    \
    }
ATOMIC_RMWS(NATIVE_RMW, 128, native128)

static inline void native_store_128(volatile native128 *p, native128 value)
{
    native_exchange_128(p, value);
}

#endif
