/*
 * OpenMP by GNU's runtime, libgomp: what its entry points order. The runtime itself synchronises by its own atomic words and
 * raw futex calls, which nobody sees; without this file everything parallel looked like a race, in instrumented programs as
 * in patched ones. Only what the standard promises is recorded: a parallel region begins after its creator and ends
 * before it goes on; barriers, critical sections, locks, ordered sections, copied private values, tasks.
 *
 * A region is an object of synchronisation for each of its parts; they are told apart by addresses within words of ours
 * on the creator's stack. Where two rounds of a barrier alternate between two objects no clock need ever be emptied: who
 * arrives for round n + 2 is after all of round n.
 *
 * Nothing here runs, and nothing is looked for, in a program that does not call libgomp.
 */
#include <dlfcn.h>

#include "shim/clock.h"
#include "shim/late.h"
#include "shim/object.h"
#include "shim/openmp.h"
#include "shim/patch.h"
#include "shim/shim.h"

#include "shim/banned.h"

enum part {
    PART_BEGIN,
    PART_END,
    PART_BARRIER,
    PART_OTHER_ROUND,
    PART_COPY,
    PART_ORDERED,
    PART_CREATED,
    PART_DONE,
    PART_SHARED,
    PART_COUNT
};

struct region {
    void *reductions;       /* the first word of the data says to libgomp where they are */
    char parts[PART_COUNT]; /* their addresses name the parts */
    void (*function)(void *);
    void *data;
};

static __thread struct region *region_now;
static __thread uint32_t round_now; /* barriers of it that this thread has passed */
/* Whose tasks this thread may be running: also those left over when the region's function has returned. */
static __thread struct region *region_of_tasks;
static __thread bool in_runtime; /* threads that are made now are for libgomp's pool */
__thread uintptr_t openmp_gives; /* what is allocated now is for who acquires this; 0: for nobody */

/* ---- before and after ---- */

static void before(uintptr_t key, bool replaces)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = object_get(thread, key, TRACE_OBJECT_ATOMIC);
    if (object && !replaces) {
        clock_release_join(thread, object);
    } else if (object) {
        object_lock(object);
        clock_release(thread, object);
        object_unlock(object);
    }
    thread_leave(thread);
}

static void after(uintptr_t key, uintptr_t pc)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = object_find(thread, key, TRACE_OBJECT_ATOMIC);
    if (object) {
        object_lock(object);
        clock_acquire(thread, object, pc);
        object_unlock(object);
    }
    thread_leave(thread);
}

static inline uintptr_t part(const struct region *region, enum part which)
{
    return (uintptr_t)&region->parts[which];
}

/*
 * The block of a task, with its data, is allocated within the call that makes the task, when what the maker had done was
 * published before; and who runs the task must be after its allocation too, or its accesses are taken to be to the block
 * that was there before. So each allocation is published.
 */
void openmp_gave(void)
{
    before(openmp_gives, false);
}

/*
 * Where the C library is patched: what libgomp has it do (to copy a task's data) is libgomp's, until it calls a function of
 * the program (patch_access.c).
 */
static inline uintptr_t within(uintptr_t frame)
{
    struct thread *thread = thread_current;
    if (LIKELY(!patch_nests) || (uintptr_t)thread <= THREAD_NONE)
        return 0;
    uintptr_t outer = thread->within;
    thread->within = frame;
    return outer;
}

static inline void leave(const uintptr_t *outer)
{
    within(*outer);
}

static void *next(const char *name)
{
    struct thread *thread = thread_enter(); /* how it is looked for is not recorded */
    void *found = late_find(name);
    if (!found)
        found = dlsym(RTLD_NEXT, name);
    if (thread)
        thread_leave(thread);
    return found;
}

/* The function behind ours. A program that gets here was linked to it. */
#define NEXT(fn)                                                     \
    static __typeof__(&fn) real_##fn;                                \
    if (UNLIKELY(!real_##fn))                                        \
        *(void **)(void *)&real_##fn = next(#fn);                    \
    __attribute__((cleanup(leave), unused)) uintptr_t outer_within = \
        within((uintptr_t)__builtin_frame_address(0))

/* ---- parallel regions ---- */

static void region_run(void *data)
{
    struct region *region = data, *outer = region_now;
    uint32_t outer_round = round_now;
    bool outer_runtime = in_runtime;
    uintptr_t outer_gives = openmp_gives;
    __attribute__((cleanup(leave), unused)) uintptr_t outer_within = within(0);
    in_runtime = false;
    openmp_gives = 0;
    region_now = region_of_tasks = region;
    round_now = 0;
    after(part(region, PART_BEGIN), (uintptr_t)region->function);
    region->function(region->data);
    before(part(region, PART_END), false);
    region_now = outer;
    round_now = outer_round;
    in_runtime = outer_runtime;
    openmp_gives = outer_gives;
}

static void region_begin(struct region *region, void (*function)(void *), void *data)
{
    *region = (struct region){.function = function, .data = data};
    before(part(region, PART_BEGIN), true);
    before(part(region, PART_END), true); /* whatever lay here before is forgotten */
    before(part(region, PART_DONE), true);
}

static void region_end(struct region *region, uintptr_t pc)
{
    after(part(region, PART_END), pc);
    after(part(region, PART_DONE), pc);
}

/* Eight words are handed on, whatever the function takes: fewer are on the stack of nobody. */
#define PARALLEL(fn, first_word)                                                                  \
    long fn(void (*f)(void *), void *data, long n, long a, long b, long c, long d, long e);       \
    EXPORT long fn(void (*f)(void *), void *data, long n, long a, long b, long c, long d, long e) \
    {                                                                                             \
        NEXT(fn);                                                                                 \
        struct region region;                                                                     \
        region_begin(&region, f, data);                                                           \
        region.reductions = (first_word);                                                         \
        bool outer = in_runtime;                                                                  \
        uintptr_t outer_gives = openmp_gives;                                                     \
        in_runtime = true;                                                                        \
        openmp_gives = part(&region, PART_BEGIN);                                                 \
        long result = real_##fn(region_run, &region, n, a, b, c, d, e);                           \
        in_runtime = outer;                                                                       \
        openmp_gives = outer_gives;                                                               \
        region_end(&region, RETURN_PC);                                                           \
        return result;                                                                            \
    }

PARALLEL(GOMP_parallel, NULL)
PARALLEL(GOMP_parallel_reductions, *(void **)data)
PARALLEL(GOMP_parallel_sections, NULL)
PARALLEL(GOMP_parallel_loop_static, NULL)
PARALLEL(GOMP_parallel_loop_dynamic, NULL)
PARALLEL(GOMP_parallel_loop_guided, NULL)
PARALLEL(GOMP_parallel_loop_runtime, NULL)
PARALLEL(GOMP_parallel_loop_nonmonotonic_dynamic, NULL)
PARALLEL(GOMP_parallel_loop_nonmonotonic_guided, NULL)
PARALLEL(GOMP_parallel_loop_nonmonotonic_runtime, NULL)
PARALLEL(GOMP_parallel_loop_maybe_nonmonotonic_runtime, NULL)

/*
 * Code of gcc before 4.9 begins a region by one call, does its own share, and ends it by another. Of regions within
 * regions, begun by one thread, those deeper than these run as they are, ordered by nothing.
 */
struct begun {
    struct region region, *outer;
    uint32_t outer_round;
};

static __thread struct begun begun[4];
static __thread unsigned begun_count;

static struct begun *begun_top(void)
{
    size_t room = sizeof begun / sizeof *begun;
    return begun_count && begun_count <= room ? &begun[begun_count - 1] : NULL;
}

static struct region *begun_enter(void (*function)(void *), void *data)
{
    begun_count++;
    struct begun *top = begun_top();
    if (!top)
        return NULL;
    region_begin(&top->region, function, data);
    top->outer = region_now;
    top->outer_round = round_now;
    return &top->region;
}

#define START(fn)                                                                         \
    void fn(void (*f)(void *), void *data, long n, long a, long b, long c, long d);       \
    EXPORT void fn(void (*f)(void *), void *data, long n, long a, long b, long c, long d) \
    {                                                                                     \
        NEXT(fn);                                                                         \
        struct region *region = begun_enter(f, data);                                     \
        bool outer = in_runtime;                                                          \
        uintptr_t outer_gives = openmp_gives;                                             \
        in_runtime = true;                                                                \
        openmp_gives = region ? part(region, PART_BEGIN) : 0;                             \
        real_##fn(region ? region_run : f, region ? region : data, n, a, b, c, d);        \
        in_runtime = outer;                                                               \
        openmp_gives = outer_gives;                                                       \
        if (region) {                                                                     \
            region_now = region_of_tasks = region;                                        \
            round_now = 0;                                                                \
        }                                                                                 \
    }
START(GOMP_parallel_start)
START(GOMP_parallel_sections_start)
START(GOMP_parallel_loop_static_start)
START(GOMP_parallel_loop_dynamic_start)
START(GOMP_parallel_loop_guided_start)
START(GOMP_parallel_loop_runtime_start)

void GOMP_parallel_end(void);
EXPORT void GOMP_parallel_end(void)
{
    NEXT(GOMP_parallel_end);
    struct begun *top = begun_top();
    begun_count -= begun_count > 0;
    region_of_tasks = region_now;
    real_GOMP_parallel_end();
    if (!top)
        return;
    region_end(&top->region, RETURN_PC);
    region_now = top->outer;
    round_now = top->outer_round;
}

bool openmp_creates(void)
{
    return in_runtime;
}

/* ---- barriers ---- */

static enum part barrier_arrive(void)
{
    enum part round = round_now++ & 1 ? PART_OTHER_ROUND : PART_BARRIER;
    region_of_tasks = region_now;
    if (region_now)
        before(part(region_now, round), false);
    return round;
}

static void barrier_leave(enum part round, uintptr_t pc)
{
    if (!region_now)
        return;
    after(part(region_now, round), pc);
    after(part(region_now, PART_DONE), pc); /* no task of the region is left */
}

#define BARRIER(ret, fn)                    \
    ret fn(void);                           \
    EXPORT ret fn(void)                     \
    {                                       \
        NEXT(fn);                           \
        enum part round = barrier_arrive(); \
        ret result = real_##fn();           \
        barrier_leave(round, RETURN_PC);    \
        return result;                      \
    }

/* What those without a result return is in nobody's hands. */
BARRIER(long, GOMP_barrier)
BARRIER(long, GOMP_barrier_cancel)
BARRIER(long, GOMP_loop_end)
BARRIER(long, GOMP_loop_end_cancel)
BARRIER(long, GOMP_sections_end)
BARRIER(long, GOMP_sections_end_cancel)

void GOMP_workshare_task_reduction_unregister(bool cancelled);
EXPORT void GOMP_workshare_task_reduction_unregister(bool cancelled)
{
    NEXT(GOMP_workshare_task_reduction_unregister);
    enum part round = cancelled ? PART_BARRIER : barrier_arrive();
    real_GOMP_workshare_task_reduction_unregister(cancelled);
    if (!cancelled)
        barrier_leave(round, RETURN_PC);
}

/* The first to come may allocate what all use: places of a reduction, of the values before an iteration. */
#define SHARE(fn)                                                                                  \
    long fn(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j);       \
    EXPORT long fn(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j) \
    {                                                                                              \
        NEXT(fn);                                                                                  \
        uintptr_t outer = openmp_gives;                                                            \
        if (region_now)                                                                            \
            openmp_gives = part(region_now, PART_SHARED);                                          \
        long result = real_##fn(a, b, c, d, e, f, g, h, i, j);                                     \
        openmp_gives = outer;                                                                      \
        if (region_now)                                                                            \
            after(part(region_now, PART_SHARED), RETURN_PC);                                       \
        return result;                                                                             \
    }
SHARE(GOMP_loop_start)
SHARE(GOMP_loop_ull_start)
SHARE(GOMP_loop_ordered_start)
SHARE(GOMP_loop_ull_ordered_start)
SHARE(GOMP_loop_doacross_start)
SHARE(GOMP_loop_ull_doacross_start)
SHARE(GOMP_sections2_start)
SHARE(GOMP_scope_start)

void *GOMP_single_copy_start(void);
EXPORT void *GOMP_single_copy_start(void)
{
    NEXT(GOMP_single_copy_start);
    void *copied = real_GOMP_single_copy_start();
    if (copied && region_now)
        after(part(region_now, PART_COPY), RETURN_PC);
    return copied;
}

void GOMP_single_copy_end(void *data);
EXPORT void GOMP_single_copy_end(void *data)
{
    NEXT(GOMP_single_copy_end);
    if (region_now)
        before(part(region_now, PART_COPY), true);
    real_GOMP_single_copy_end(data);
}

/* ---- one at a time ---- */

static char critical_key, atomic_key;

#define ENTER(fn, params, args, key)        \
    void fn params;                         \
    EXPORT void fn params                   \
    {                                       \
        NEXT(fn);                           \
        real_##fn args;                     \
        after((uintptr_t)(key), RETURN_PC); \
    }
#define LEAVE(fn, params, args, key)    \
    void fn params;                     \
    EXPORT void fn params               \
    {                                   \
        NEXT(fn);                       \
        before((uintptr_t)(key), true); \
        real_##fn args;                 \
    }

ENTER(GOMP_critical_start, (void), (), &critical_key)
LEAVE(GOMP_critical_end, (void), (), &critical_key)
ENTER(GOMP_critical_name_start, (void **name), (name), name)
LEAVE(GOMP_critical_name_end, (void **name), (name), name)
ENTER(GOMP_atomic_start, (void), (), &atomic_key)
LEAVE(GOMP_atomic_end, (void), (), &atomic_key)
ENTER(GOMP_ordered_start, (void), (), part(region_now, PART_ORDERED))
LEAVE(GOMP_ordered_end, (void), (), part(region_now, PART_ORDERED))
ENTER(omp_set_lock, (void *lock), (lock), lock)
LEAVE(omp_unset_lock, (void *lock), (lock), lock)
ENTER(omp_set_nest_lock, (void *lock), (lock), lock)
LEAVE(omp_unset_nest_lock, (void *lock), (lock), lock)
ENTER(omp_set_lock_, (void *lock), (lock), lock) /* Fortran's */
LEAVE(omp_unset_lock_, (void *lock), (lock), lock)
ENTER(omp_set_nest_lock_, (void *lock), (lock), lock)
LEAVE(omp_unset_nest_lock_, (void *lock), (lock), lock)

/*
 * An iteration waits for others, named by as many numbers as there are loops: all that were done by then are before it.
 * Those beyond six lie on the stack, where a struct does; how many there are is not said, and 64 are handed on. Within a
 * region the stack has as much below its function; outside of one libgomp does not look at them.
 */
struct numbers {
    long words[58];
};

#define LEAVE_ITERATION(fn)                                \
    void fn(void *counts);                                 \
    EXPORT void fn(void *counts)                           \
    {                                                      \
        NEXT(fn);                                          \
        if (region_now)                                    \
            before(part(region_now, PART_ORDERED), false); \
        real_##fn(counts);                                 \
    }
#define AWAIT_ITERATION(fn)                                                             \
    void fn(long a, long b, long c, long d, long e, long f, struct numbers more);       \
    EXPORT void fn(long a, long b, long c, long d, long e, long f, struct numbers more) \
    {                                                                                   \
        NEXT(fn);                                                                       \
        real_##fn(a, b, c, d, e, f, region_now ? more : (struct numbers){0});           \
        if (region_now)                                                                 \
            after(part(region_now, PART_ORDERED), RETURN_PC);                           \
    }
LEAVE_ITERATION(GOMP_doacross_post)
LEAVE_ITERATION(GOMP_doacross_ull_post)
AWAIT_ITERATION(GOMP_doacross_wait)
AWAIT_ITERATION(GOMP_doacross_ull_wait)

#define TEST(fn)                               \
    int fn(void *lock);                        \
    EXPORT int fn(void *lock)                  \
    {                                          \
        NEXT(fn);                              \
        int taken = real_##fn(lock);           \
        if (taken)                             \
            after((uintptr_t)lock, RETURN_PC); \
        return taken;                          \
    }
TEST(omp_test_lock)
TEST(omp_test_nest_lock)
TEST(omp_test_lock_)
TEST(omp_test_nest_lock_)

/* ---- tasks ---- */

/*
 * A task's function is called by libgomp with a copy of its data and nothing else; so each function gets a stand-in of its
 * own that knows which it is for. A program has as many as it has task constructs; those beyond these run as they are,
 * ordered by nothing.
 */
// clang-format off
#define STAND_INS(X)                                                                                \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)           \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
// clang-format on

static void (*functions[32])(void *);

static void task_run(void (*function)(void *), void *data)
{
    struct region *region = region_of_tasks, *outer = region_now;
    bool outer_runtime = in_runtime;
    uintptr_t outer_gives = openmp_gives;
    __attribute__((cleanup(leave), unused)) uintptr_t outer_within = within(0);
    if (region) {
        after(part(region, PART_CREATED), (uintptr_t)function);
        after(part(region, PART_DONE), (uintptr_t)function); /* those it depends on are */
    }
    in_runtime = false;
    openmp_gives = 0;
    region_now = region;
    function(data);
    region_now = outer;
    region_of_tasks = region;
    in_runtime = outer_runtime;
    openmp_gives = outer_gives;
    if (region)
        before(part(region, PART_DONE), false);
}

#define X(n)                          \
    static void task_##n(void *data)  \
    {                                 \
        task_run(functions[n], data); \
    }
STAND_INS(X)
#undef X

static void (*stand_in(void (*function)(void *)))(void *)
{
#define X(n) task_##n,
    static void (*const stand_ins[])(void *) = {STAND_INS(X)};
#undef X
    for (size_t i = 0; i < sizeof stand_ins / sizeof *stand_ins; i++) {
        void (*none)(void *) = NULL;
        if (__atomic_load_n(&functions[i], __ATOMIC_ACQUIRE) == function ||
            __atomic_compare_exchange_n(&functions[i], &none, function, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE) ||
            none == function)
            return stand_ins[i];
    }
    return function;
}

/* How the data of the task that is being made now are copied; NULL: by libgomp, which is not recorded. */
static __thread void (*copies)(void *, void *);

/* It is called within the call that makes the task, when what the maker had done was published before. */
static void task_copy(void *to, void *from)
{
    __attribute__((cleanup(leave), unused)) uintptr_t outer_within = within(0);
    copies(to, from);
    if (region_now)
        before(part(region_now, PART_CREATED), false);
}

static uintptr_t task_create(void)
{
    uintptr_t outer = openmp_gives;
    if (region_now) {
        before(part(region_now, PART_CREATED), false);
        openmp_gives = part(region_now, PART_CREATED);
    }
    return outer;
}

#define NO_GROUP (1 << 11) /* flag of a loop of tasks: nobody waits for them within the call */

static void task_created(uintptr_t outer, bool all_done, uintptr_t pc)
{
    openmp_gives = outer;
    if (region_now && all_done)
        after(part(region_now, PART_DONE), pc);
}

#define TASK(fn, all_done)                                                                      \
    void fn(void (*f)(void *), void *data, void (*copy)(void *, void *), long size, long align, \
            long c, long d, long e, long g, long h, long i);                                    \
    EXPORT void fn(void (*f)(void *), void *data, void (*copy)(void *, void *), long size,      \
                   long align, long c, long d, long e, long g, long h, long i)                  \
    {                                                                                           \
        NEXT(fn);                                                                               \
        uintptr_t outer = task_create();                                                        \
        void (*outer_copies)(void *, void *) = copies;                                          \
        copies = copy;                                                                          \
        real_##fn(stand_in(f), data, copy ? task_copy : NULL, size, align, c, d, e, g, h, i);   \
        copies = outer_copies;                                                                  \
        task_created(outer, all_done, RETURN_PC);                                               \
    }
TASK(GOMP_task, false)
TASK(GOMP_taskloop, !(c & NO_GROUP))
TASK(GOMP_taskloop_ull, !(c & NO_GROUP))

#define TASKS_DONE(fn, params, args)                       \
    void fn params;                                        \
    EXPORT void fn params                                  \
    {                                                      \
        NEXT(fn);                                          \
        region_of_tasks = region_now;                      \
        real_##fn args;                                    \
        if (region_now)                                    \
            after(part(region_now, PART_DONE), RETURN_PC); \
    }
TASKS_DONE(GOMP_taskwait, (void), ())
TASKS_DONE(GOMP_taskgroup_end, (void), ())
TASKS_DONE(GOMP_taskwait_depend, (void **depend), (depend))

/* A task is done when its function is and what it gave away has been fulfilled. */
#define FULFIL(fn)                                           \
    void fn(void *event);                                    \
    EXPORT void fn(void *event)                              \
    {                                                        \
        NEXT(fn);                                            \
        if (region_of_tasks)                                 \
            before(part(region_of_tasks, PART_DONE), false); \
        real_##fn(event);                                    \
    }
FULFIL(omp_fulfill_event)
FULFIL(omp_fulfill_event_)
