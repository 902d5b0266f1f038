/*
 * The __tsan_* entry points of the recorder that are not worth a fast path: start, ranges, annotations. Loads, stores,
 * function entry and exit are in abi_fast.c.
 */
#include "shim/abi.h"

#include "shim/access_state.h"
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

static void ignore(bool reads, bool writes, uint32_t step)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct access_state *state = access_state_get(thread);
    if (state) {
        state->ignore[0] += reads ? step : 0;
        state->ignore[1] += writes ? step : 0;
        access_fast.context_top = NULL;
    }
    thread_leave(thread);
}

EXPORT void __tsan_ignore_thread_begin(void)
{
    ignore(true, true, 1);
}

EXPORT void __tsan_ignore_thread_end(void)
{
    ignore(true, true, (uint32_t)-1);
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

#define MUTEX_TRY_FAILED (1u << 5) /* __tsan_mutex_try_lock_failed of sanitizer/tsan_interface.h */

EXPORT void __tsan_mutex_create(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}

EXPORT void __tsan_mutex_destroy(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}

EXPORT void __tsan_mutex_pre_lock(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}

EXPORT void __tsan_mutex_post_lock(void *mutex, unsigned flags, int recursion)
{
    (void)recursion;
    if (!(flags & MUTEX_TRY_FAILED))
        acquire(mutex, RETURN_PC);
}

EXPORT int __tsan_mutex_pre_unlock(void *mutex, unsigned flags)
{
    (void)flags;
    release(mutex);
    return 1;
}

EXPORT void __tsan_mutex_post_unlock(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}

EXPORT void __tsan_mutex_pre_signal(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}

EXPORT void __tsan_mutex_post_signal(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}

EXPORT void __tsan_mutex_pre_divert(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}

EXPORT void __tsan_mutex_post_divert(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}

/* Fibers are one task with their thread: their accesses are recorded as its own. The handles only must be distinct. */
static __thread char thread_fiber;
static __thread void *present_fiber;

EXPORT void *__tsan_get_current_fiber(void)
{
    return present_fiber ? present_fiber : &thread_fiber;
}

EXPORT void *__tsan_create_fiber(unsigned flags)
{
    static uintptr_t last;
    (void)flags;
    return (void *)__atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

EXPORT void __tsan_destroy_fiber(void *fiber)
{
    (void)fiber;
}

EXPORT void __tsan_switch_to_fiber(void *fiber, unsigned flags)
{
    (void)flags;
    present_fiber = fiber;
}

EXPORT void __tsan_set_fiber_name(void *fiber, const char *name)
{
    (void)fiber, (void)name;
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

#define ANNOTATE_RELEASE(object, pc)         release(object)
#define ANNOTATE_ACQUIRE(object, pc)         acquire(object, pc)
#define ANNOTATE_IGNORE_READS(object, pc)    ignore(true, false, 1)
#define ANNOTATE_IGNORE_WRITES(object, pc)   ignore(false, true, 1)
#define ANNOTATE_UNIGNORE_READS(object, pc)  ignore(true, false, (uint32_t)-1)
#define ANNOTATE_UNIGNORE_WRITES(object, pc) ignore(false, true, (uint32_t)-1)
#define ANNOTATE_NOTHING(object, pc)         (void)(object)

#define ANNOTATION(verb, name)                                 \
    EXPORT void name(const char *file, int line, void *object) \
    {                                                          \
        (void)file, (void)line, (void)object;                  \
        ANNOTATE_##verb(object, RETURN_PC);                    \
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
