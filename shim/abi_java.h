/* The synchronisation of tsan_interface_java.h: JAVA(name, verb of shim/abi.c). */
#ifndef SHIM_ABI_JAVA_H
#define SHIM_ABI_JAVA_H

#include <stdint.h>

// clang-format off
#define JAVA_NAMES(JAVA)                                                                                     \
    JAVA(__tsan_java_acquire, __tsan_acquire)              JAVA(__tsan_java_release, __tsan_release)         \
    JAVA(__tsan_java_release_store, __tsan_release)                                                          \
    JAVA(__tsan_java_mutex_lock, __tsan_acquire)           JAVA(__tsan_java_mutex_unlock, __tsan_release)    \
    JAVA(__tsan_java_mutex_read_lock, __tsan_acquire)      JAVA(__tsan_java_mutex_read_unlock, __tsan_release) \
    JAVA(__tsan_java_mutex_lock_rec, __tsan_acquire)       JAVA(__tsan_java_mutex_unlock_rec, __tsan_release)
// clang-format on

#define JAVA(name, verb) int name(uintptr_t address);
JAVA_NAMES(JAVA)
#undef JAVA

#endif
