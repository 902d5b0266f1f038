/*
 * What Go's library orders without a lock that is seen: atomic.Value, sync.Map, sync.Pool, timers, finalizers. It was
 * compiled without instrumentation, so what its own atomics order would be taken for races of those who rely on it. Only
 * where accesses are recorded.
 */
#include "shim/access.h"
#include "shim/clock.h"
#include "shim/go_memory.h"
#include "shim/task.h"

#include "shim/banned.h"

static char finalizers; /* an address for what they order */

static NOINLINE void publish(const void *address)
{
    struct thread *thread = address ? thread_enter() : NULL;
    if (!thread)
        return;
    struct object *object = object_get(thread, (uintptr_t)address, TRACE_OBJECT_ATOMIC);
    if (object)
        clock_release_join(thread, object);
    thread_leave(thread);
}

static void acquire(struct thread *thread, uintptr_t address, uintptr_t pc)
{
    struct object *object = object_find(thread, address, TRACE_OBJECT_ATOMIC);
    if (!object)
        return;
    clock_take(thread, object, pc);
}

static NOINLINE void observe(const void *address, uintptr_t pc)
{
    struct thread *thread = address ? thread_enter() : NULL;
    if (!thread)
        return;
    acquire(thread, (uintptr_t)address, pc);
    thread_leave(thread);
}

#define BEFORE(address)      \
    if (UNLIKELY(access_on)) \
    publish(address)
#define AFTER(address)       \
    if (UNLIKELY(access_on)) \
    observe(address, RETURN_PC)

/* ---- atomic.Value ---- */

MEMORY_EXPORT(value_load, "sync_1atomic.Value.Load", struct go_pair, (void *value));
EXPORT struct go_pair wrap_value_load(void *value)
{
    struct go_pair result = MEMORY_REAL(value_load)(value);
    AFTER(value);
    return result;
}

MEMORY_EXPORT(value_store, "sync_1atomic.Value.Store", void, (void *value, void *type, void *data));
EXPORT void wrap_value_store(void *value, void *type, void *data)
{
    BEFORE(value);
    MEMORY_REAL(value_store)(value, type, data);
}

MEMORY_EXPORT(value_swap, "sync_1atomic.Value.Swap", struct go_pair,
              (void *value, void *type, void *data));
EXPORT struct go_pair wrap_value_swap(void *value, void *type, void *data)
{
    BEFORE(value);
    struct go_pair result = MEMORY_REAL(value_swap)(value, type, data);
    AFTER(value);
    return result;
}

MEMORY_EXPORT(value_compare, "sync_1atomic.Value.CompareAndSwap", bool,
              (void *value, void *old_type, void *old, void *type, void *data));
EXPORT bool wrap_value_compare(void *value, void *old_type, void *old, void *type, void *data)
{
    BEFORE(value);
    bool result = MEMORY_REAL(value_compare)(value, old_type, old, type, data);
    AFTER(value);
    return result;
}

/* ---- sync.Map: one clock for all its keys ---- */

MEMORY_EXPORT(map_load, "sync.Map.Load", void *, (void *result, void *map, void *type, void *key));
EXPORT void *wrap_map_load(void *result, void *map, void *type, void *key)
{
    void *same = MEMORY_REAL(map_load)(result, map, type, key);
    AFTER(map);
    return same;
}

MEMORY_EXPORT(map_store, "sync.Map.Store", void,
              (void *map, void *type, void *key, void *value_type, void *value));
EXPORT void wrap_map_store(void *map, void *type, void *key, void *value_type, void *value)
{
    BEFORE(map);
    MEMORY_REAL(map_store)(map, type, key, value_type, value);
}

MEMORY_EXPORT(map_load_or_store, "sync.Map.LoadOrStore", void *,
              (void *result, void *map, void *type, void *key, void *value_type, void *value));
EXPORT void *wrap_map_load_or_store(void *result, void *map, void *type, void *key,
                                    void *value_type, void *value)
{
    BEFORE(map);
    void *same = MEMORY_REAL(map_load_or_store)(result, map, type, key, value_type, value);
    AFTER(map);
    return same;
}

MEMORY_EXPORT(map_load_and_delete, "sync.Map.LoadAndDelete", void *,
              (void *result, void *map, void *type, void *key));
EXPORT void *wrap_map_load_and_delete(void *result, void *map, void *type, void *key)
{
    BEFORE(map);
    void *same = MEMORY_REAL(map_load_and_delete)(result, map, type, key);
    AFTER(map);
    return same;
}

MEMORY_EXPORT(map_range, "sync.Map.Range", void, (void *map, void *fn));
EXPORT void wrap_map_range(void *map, void *fn)
{
    AFTER(map);
    MEMORY_REAL(map_range)(map, fn);
}

/* ---- sync.Pool: who puts a thing in is before who gets it ---- */

MEMORY_EXPORT(pool_get, "sync.Pool.Get", struct go_pair, (void *pool));
EXPORT struct go_pair wrap_pool_get(void *pool)
{
    struct go_pair result = MEMORY_REAL(pool_get)(pool);
    AFTER((void *)result.second);
    return result;
}

MEMORY_EXPORT(pool_put, "sync.Pool.Put", void, (void *pool, void *type, void *data));
EXPORT void wrap_pool_put(void *pool, void *type, void *data)
{
    BEFORE(data);
    MEMORY_REAL(pool_put)(pool, type, data);
}

/* ---- timers: who starts one is before what it does ---- */

static void *timer_data(void *timer)
{
    return *(void **)((char *)timer + go_layout.timer_argument + sizeof(void *));
}

MEMORY_EXPORT(timer_start, "time.startTimer", void, (void *timer));
EXPORT void wrap_timer_start(void *timer)
{
    BEFORE(timer_data(timer));
    MEMORY_REAL(timer_start)(timer);
}

MEMORY_EXPORT(timer_reset, "time.resetTimer", bool, (void *timer, int64_t when));
EXPORT bool wrap_timer_reset(void *timer, int64_t when)
{
    BEFORE(timer_data(timer));
    return MEMORY_REAL(timer_reset)(timer, when);
}

MEMORY_EXPORT(timer_modify, "time.modTimer", void,
              (void *timer, int64_t when, int64_t period, void *fn, void *type, void *data,
               uintptr_t sequence));
EXPORT void wrap_timer_modify(void *timer, int64_t when, int64_t period, void *fn, void *type,
                              void *data, uintptr_t sequence)
{
    BEFORE(data);
    MEMORY_REAL(timer_modify)(timer, when, period, fn, type, data, sequence);
}

void go_timer_fires(struct thread *thread, uint32_t child, uintptr_t key)
{
    struct object *object = object_find(thread, key, TRACE_OBJECT_ATOMIC);
    if (!object)
        return;
    object_lock(object);
    struct clock_pair pairs[16];
    uint32_t count = clock_read(object, pairs, 16);
    object_unlock(object);
    if (!child)
        clock_learn(thread, pairs, count, object, 0);
    for (uint32_t i = 0; child && i < count; i++)
        clock_begin_task(thread, child, task_record(child)->segment, pairs[i]);
}

/* ---- finalizers: who sets one is before it runs ---- */

MEMORY_EXPORT(set_finalizer, "runtime.SetFinalizer", void,
              (void *type, void *data, void *finalizer_type, void *finalizer));
EXPORT void wrap_set_finalizer(void *type, void *data, void *finalizer_type, void *finalizer)
{
    BEFORE(&finalizers);
    MEMORY_REAL(set_finalizer)(type, data, finalizer_type, finalizer);
}

static NOINLINE void go_finalizer_begins(void)
{
    struct thread *thread = thread_enter();
    struct go *go = thread ? go_present(thread) : NULL;
    if (go && go != thread->go_own && *(volatile uint8_t *)(go->g + go_layout.g_finalizer))
        acquire(thread, (uintptr_t)&finalizers, 0);
    if (thread)
        thread_leave(thread);
}

/* Each is asked for: the goroutine that calls them takes the next batch without having slept. */
MEMORY_EXPORT(reflect_call, "runtime.reflectcall", void,
              (const void *type, void *function, bool is_interface, bool is_method,
               void **parameters, void **results));
EXPORT void wrap_reflect_call(const void *type, void *function, bool is_interface, bool is_method,
                              void **parameters, void **results)
{
    if (UNLIKELY(access_on))
        go_finalizer_begins();
    MEMORY_REAL(reflect_call)(type, function, is_interface, is_method, parameters, results);
}
