/*
 * The __tsan_* functions whose names are not made by a table, declared once for the recorder (abi.c, atomic.c) and for
 * the stub libtsan.so.2 (stub_tsan.c).
 */
#ifndef SHIM_ABI_H
#define SHIM_ABI_H

#include <stddef.h>
#include <stdint.h>

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_vptr_read(void **place);
void __tsan_vptr_update(void **place, void *value);
void __tsan_read_range(void *p, size_t size);
void __tsan_write_range(void *p, size_t size);
void __tsan_read_range_pc(void *p, size_t size, void *pc);
void __tsan_write_range_pc(void *p, size_t size, void *pc);
void __tsan_ignore_thread_begin(void);
void __tsan_ignore_thread_end(void);
void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memset(void *to, int byte, size_t size);
void __tsan_flush_memory(void);

void __tsan_acquire(void *p);
void __tsan_release(void *p);
void __tsan_mutex_create(void *mutex, unsigned flags);
void __tsan_mutex_destroy(void *mutex, unsigned flags);
void __tsan_mutex_pre_lock(void *mutex, unsigned flags);
void __tsan_mutex_post_lock(void *mutex, unsigned flags, int recursion);
int __tsan_mutex_pre_unlock(void *mutex, unsigned flags);
void __tsan_mutex_post_unlock(void *mutex, unsigned flags);
void __tsan_mutex_pre_signal(void *mutex, unsigned flags);
void __tsan_mutex_post_signal(void *mutex, unsigned flags);
void __tsan_mutex_pre_divert(void *mutex, unsigned flags);
void __tsan_mutex_post_divert(void *mutex, unsigned flags);

void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_set_fiber_name(void *fiber, const char *name);

void *__tsan_external_register_tag(const char *type);
void __tsan_external_register_header(void *tag, const char *header);
void __tsan_external_assign_tag(void *p, void *tag);
void __tsan_external_read(void *p, void *pc, void *tag);
void __tsan_external_write(void *p, void *pc, void *tag);

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

/* The dynamic annotations. All take the file and line of the call, then their arguments; only the first two of those
 * are ever looked at, and on x86-64 a function may be called with more arguments than it has, or with fewer. */
#define ANNOTATION(verb, name) void name(const char *file, int line, void *object, size_t more);
#include "shim/annotation.def"
#undef ANNOTATION
int RunningOnValgrind(void);
double ValgrindSlowdown(void);

#endif
