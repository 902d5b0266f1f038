/*
 * The rest of what a libtsan.so.2 exports: names that programs call when they look for ThreadSanitizer's reports, bring
 * the annotations of a Java machine, or were built with other sanitizers' hooks. Nothing here has an effect but what the
 * name itself promises the program (an unaligned load loads).
 *
 * The order that the annotations of Java's locks tell of is recorded: shim/abi_java.c.
 */
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/abi_java.h"
#include "shim/shim.h"

#define QUIET(name)        \
    long name(void);       \
    EXPORT long name(void) \
    {                      \
        return 0;          \
    }
#define SYSTEM_CALL(name)                      \
    QUIET(__sanitizer_syscall_pre_impl_##name) \
    QUIET(__sanitizer_syscall_post_impl_##name)
#include "shim/stub_names.def"
#undef QUIET
#undef SYSTEM_CALL

#define JAVA(name, verb)               \
    EXPORT int name(uintptr_t address) \
    {                                  \
        (void)address;                 \
        return 0;                      \
    }
JAVA_NAMES(JAVA)

#define UNALIGNED(bits)                                                          \
    struct unaligned##bits {                                                     \
        uint##bits##_t value;                                                    \
    } __attribute__((packed, may_alias));                                        \
    uint##bits##_t __sanitizer_unaligned_load##bits(const void *p);              \
    EXPORT uint##bits##_t __sanitizer_unaligned_load##bits(const void *p)        \
    {                                                                            \
        return ((const struct unaligned##bits *)p)->value;                       \
    }                                                                            \
    void __sanitizer_unaligned_store##bits(void *p, uint##bits##_t value);       \
    EXPORT void __sanitizer_unaligned_store##bits(void *p, uint##bits##_t value) \
    {                                                                            \
        ((struct unaligned##bits *)p)->value = value;                            \
    }
UNALIGNED(16)
UNALIGNED(32)
UNALIGNED(64)

size_t __sanitizer_get_allocated_size(void *p);
EXPORT size_t __sanitizer_get_allocated_size(void *p)
{
    return malloc_usable_size(p);
}

/* Whoever asks is the only one to crash. */
int __sanitizer_acquire_crash_state(void);
EXPORT int __sanitizer_acquire_crash_state(void)
{
    return 1;
}

const char *__sanitizer_get_report_path(void);
EXPORT const char *__sanitizer_get_report_path(void)
{
    return "stderr";
}

const char *ThreadSanitizerQuery(const char *question);
EXPORT const char *ThreadSanitizerQuery(const char *question)
{
    (void)question;
    return "";
}

#define SYMBOLIZE(name)                                                     \
    void name(void *pc, const char *format, char *text, size_t size);       \
    EXPORT void name(void *pc, const char *format, char *text, size_t size) \
    {                                                                       \
        (void)pc, (void)format;                                             \
        if (size)                                                           \
            *text = 0;                                                      \
    }
SYMBOLIZE(__sanitizer_symbolize_pc)
SYMBOLIZE(__sanitizer_symbolize_global)
