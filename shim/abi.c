/*
 * The __tsan_* entry points of the recorder that are not worth a fast path: start, ranges, annotations. Loads, stores,
 * function entry and exit are in abi_fast.c.
 */
#include "shim/abi.h"

#include "shim/access_state.h"
#include "shim/annotate.h"
#include "shim/banned.h"
#include "shim/bytes.h"
#include "shim/clock.h"
#include "shim/module.h"
#include "shim/object.h"
#include "shim/raw.h"

#define ACCESS(name, size, flags, place)
#define ACCESS_PC(name, size, flags)                                              \
    void __tsan_##name(void *p, void *pc);                                        \
    EXPORT void __tsan_##name(void *p, void *pc)                                  \
    {                                                                             \
        access_slow((uintptr_t)p, size, ACCESS_KIND(flags, size), (uintptr_t)pc); \
    }
#include "shim/abi.def"
#undef ACCESS
#undef ACCESS_PC

#define KIND_ANY_SIZE (15u << 4)

EXPORT void __tsan_init(void)
{
    access_on = 1;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    module_refresh();
    thread_leave(thread);
}

EXPORT void __tsan_read_range(void *p, size_t size)
{
    access_slow((uintptr_t)p, size, KIND_ANY_SIZE, RETURN_PC);
}

EXPORT void __tsan_write_range(void *p, size_t size)
{
    access_slow((uintptr_t)p, size, TRACE_KIND_WRITE | KIND_ANY_SIZE, RETURN_PC);
}

EXPORT void __tsan_read_range_pc(void *p, size_t size, void *pc)
{
    access_slow((uintptr_t)p, size, KIND_ANY_SIZE, (uintptr_t)pc);
}

EXPORT void __tsan_write_range_pc(void *p, size_t size, void *pc)
{
    access_slow((uintptr_t)p, size, TRACE_KIND_WRITE | KIND_ANY_SIZE, (uintptr_t)pc);
}

static void copied(void *to, const void *from, size_t size, uintptr_t pc)
{
    access_slow((uintptr_t)from, size, TRACE_KIND_RANGE | KIND_ANY_SIZE, pc);
    access_slow((uintptr_t)to, size, TRACE_KIND_RANGE | TRACE_KIND_WRITE | KIND_ANY_SIZE, pc);
}

EXPORT void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    copied(to, from, size, RETURN_PC);
    return copy_bytes(to, from, size);
}

EXPORT void *__tsan_memmove(void *to, const void *from, size_t size)
{
    copied(to, from, size, RETURN_PC);
    return copy_bytes(to, from, size);
}

EXPORT void *__tsan_memset(void *to, int byte, size_t size)
{
    access_slow((uintptr_t)to, size, TRACE_KIND_RANGE | TRACE_KIND_WRITE | KIND_ANY_SIZE,
                RETURN_PC);
    return fill_bytes(to, byte, size);
}

EXPORT void __tsan_flush_memory(void)
{
}

/* ---- parts that are not recorded ---- */

EXPORT void __tsan_ignore_thread_begin(void)
{
    annotate_ignore(true, true, 1);
}

EXPORT void __tsan_ignore_thread_end(void)
{
    annotate_ignore(true, true, (uint32_t)-1);
}

/* ---- synchronisation that the program tells us about ---- */

static void acquire(void *p, uintptr_t pc)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct object *object = object_find(thread, (uintptr_t)p, TRACE_OBJECT_ATOMIC);
    if (object) {
        object_lock(object);
        clock_acquire(thread, object, pc);
        object_unlock(object);
    }
    thread_leave(thread);
}

static void release(void *p)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct object *object = object_get(thread, (uintptr_t)p, TRACE_OBJECT_ATOMIC);
    if (object)
        clock_release_join(thread, object);
    thread_leave(thread);
}

EXPORT void __tsan_acquire(void *p)
{
    acquire(p, RETURN_PC);
}

EXPORT void __tsan_release(void *p)
{
    release(p);
}

/* Flags of sanitizer/tsan_interface.h. Between the two halves of an operation the mutex is busy with itself: what it touches
 * meanwhile is not the program's, save in what it calls back (divert). */
#define MUTEX_READ              (1u << 3)
#define MUTEX_TRY               (1u << 4)
#define MUTEX_TRY_FAILED        (1u << 5)
#define HERE                    RETURN_PC, (uintptr_t)__builtin_frame_address(0)

#define MUTEX(primitive, mutex) PRIMITIVE_gorocheck_##primitive, TRACE_OBJECT_RWLOCK, mutex

EXPORT void __tsan_mutex_create(void *mutex, unsigned flags)
{
    (void)flags;
    annotate(MUTEX(lock_create, mutex), VERB_INIT_CHECK, VERB_INIT, HERE);
}

EXPORT void __tsan_mutex_destroy(void *mutex, unsigned flags)
{
    (void)flags;
    annotate(MUTEX(lock_destroy, mutex), VERB_END, 0, HERE);
}

EXPORT void __tsan_mutex_pre_lock(void *mutex, unsigned flags)
{
    if (!(flags & MUTEX_TRY) && flags & MUTEX_READ)
        annotate_begin(MUTEX(read_locking, mutex), HERE);
    else if (!(flags & MUTEX_TRY))
        annotate_begin(MUTEX(locking, mutex), HERE);
    annotate_ignore(true, true, 1);
}

EXPORT void __tsan_mutex_post_lock(void *mutex, unsigned flags, int recursion)
{
    (void)recursion;
    annotate_ignore(true, true, (uint32_t)-1);
    uint32_t after = VERB_ACQUIRE | VERB_HOLD | (flags & MUTEX_READ ? VERB_SHARED : 0) |
                     (flags & MUTEX_TRY ? VERB_TRY : 0);
    annotate_end(MUTEX(locked, mutex), flags & MUTEX_TRY_FAILED ? 0 : after, HERE);
}

EXPORT int __tsan_mutex_pre_unlock(void *mutex, unsigned flags)
{
    (void)flags;
    annotate(MUTEX(unlocking, mutex), VERB_USE | VERB_RELEASE | VERB_DROP, 0, HERE);
    annotate_ignore(true, true, 1);
    return 1;
}

EXPORT void __tsan_mutex_post_unlock(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
    annotate_ignore(true, true, (uint32_t)-1);
}

EXPORT void __tsan_mutex_pre_signal(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
    annotate_ignore(true, true, 1);
}

EXPORT void __tsan_mutex_post_signal(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
    annotate_ignore(true, true, (uint32_t)-1);
}

EXPORT void __tsan_mutex_pre_divert(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
    annotate_ignore(true, true, (uint32_t)-1);
}

EXPORT void __tsan_mutex_post_divert(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
    annotate_ignore(true, true, 1);
}

EXPORT void *__tsan_external_register_tag(const char *type)
{
    (void)type;
    return (void *)1;
}

EXPORT void __tsan_external_register_header(void *tag, const char *header)
{
    (void)tag, (void)header;
}

EXPORT void __tsan_external_assign_tag(void *p, void *tag)
{
    (void)p, (void)tag;
}

EXPORT void __tsan_external_read(void *p, void *pc, void *tag)
{
    (void)tag;
    access_slow((uintptr_t)p, 1, 0, (uintptr_t)pc);
}

EXPORT void __tsan_external_write(void *p, void *pc, void *tag)
{
    (void)tag;
    access_slow((uintptr_t)p, 1, TRACE_KIND_WRITE, (uintptr_t)pc);
}

/* ---- annotations ---- */

#define ANNOTATE_RELEASE(object, more) release(object)
#define ANNOTATE_ACQUIRE(object, more) acquire(object, RETURN_PC)
#define ANNOTATE_LOCK_CREATE(object, more) \
    annotate(MUTEX(lock_create, object), VERB_INIT_CHECK, VERB_INIT, HERE)
#define ANNOTATE_LOCK_DESTROY(object, more) annotate(MUTEX(lock_destroy, object), VERB_END, 0, HERE)
#define ANNOTATE_LOCKED(object, writes)                                                          \
    annotate_end(MUTEX(locked, object), VERB_ACQUIRE | VERB_HOLD | ((writes) ? 0 : VERB_SHARED), \
                 HERE)
#define ANNOTATE_UNLOCKED(object, writes) \
    annotate(MUTEX(unlocking, object), VERB_USE | VERB_RELEASE | VERB_DROP, 0, HERE)
#define ANNOTATE_IGNORE_READS(object, more)    annotate_ignore(true, false, 1)
#define ANNOTATE_IGNORE_WRITES(object, more)   annotate_ignore(false, true, 1)
#define ANNOTATE_UNIGNORE_READS(object, more)  annotate_ignore(true, false, (uint32_t)-1)
#define ANNOTATE_UNIGNORE_WRITES(object, more) annotate_ignore(false, true, (uint32_t)-1)
#define ANNOTATE_IGNORE_SYNC(object, more)     annotate_ignore_sync(1)
#define ANNOTATE_UNIGNORE_SYNC(object, more)   annotate_ignore_sync((uint32_t)-1)
#define ANNOTATE_BENIGN(object, more)          annotate_ignore_range(object, 1)
#define ANNOTATE_BENIGN_SIZED(object, more)    annotate_ignore_range(object, more)
#define ANNOTATE_NAME(object, more)            annotate_task_name(object)
#define ANNOTATE_NOTHING(object, more)         (void)0

#define ANNOTATION(verb, name)                                              \
    EXPORT void name(const char *file, int line, void *object, size_t more) \
    {                                                                       \
        (void)file, (void)line, (void)object, (void)more;                   \
        ANNOTATE_##verb(object, more);                                      \
    }
#include "shim/annotation.def"
#undef ANNOTATION

EXPORT int RunningOnValgrind(void)
{
    return 0;
}

EXPORT double ValgrindSlowdown(void)
{
    return 1;
}
