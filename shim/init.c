/*
 * Birth of the recorder: by its constructor, or by the first wrapper that is called before it (another library's
 * constructor). Whatever fails here leaves the host alone: the recorder stays off.
 */
#include "shim/init.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>

#include "shim/access.h"
#include "shim/clock.h"
#include "shim/confine.h"
#include "shim/directory.h"
#include "shim/end.h"
#include "shim/fd.h"
#include "shim/go.h"
#include "shim/heap.h"
#include "shim/late.h"
#include "shim/loader.h"
#include "shim/message.h"
#include "shim/module.h"
#include "shim/object.h"
#include "shim/options.h"
#include "shim/outside.h"
#include "shim/own_stack.h"
#include "shim/patch.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/signal.h"
#include "shim/stack.h"
#include "shim/table.h"
#include "shim/task.h"
#include "shim/thread.h"

extern char **environ;

__attribute__((aligned(4096))) volatile uint32_t shim_life[1024];
static volatile uint32_t born; /* survives a fork, unlike shim_life: 0 no, 1 being born, 2 yes */
char init_own_path[512];
struct real real;

void shim_off(const char *reason)
{
    if (shim_state == SHIM_OFF)
        return;
    struct trace_process *process = process_record();
    size_t used = 0;
    if (!process->off_reason[0])
        raw_append(process->off_reason, sizeof process->off_reason, &used, reason);
    shim_state = SHIM_OFF;
    if (directory_active)
        shim_message("recording stopped: ", reason, NULL);
}

/* ---- the process record ---- */

static void read_file(const char *path, char *to, size_t size)
{
    raw_zero(to, size);
    long fd = raw3(SYS_open, path, 02000000 /* O_CLOEXEC */, 0);
    if (fd < 0)
        return;
    size_t used = 0;
    while (used + 1 < size) {
        long n = raw3(SYS_read, fd, to + used, size - 1 - used);
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    raw1(SYS_close, fd);
}

void init_process_record(bool forked)
{
    struct trace_process *process = process_record();
    char options[sizeof process->options];
    raw_copy(options, process->options, sizeof options);
    char executable[sizeof process->executable], command[sizeof process->command];
    raw_copy(executable, process->executable, sizeof executable);
    raw_copy(command, process->command, sizeof command);
    uint32_t kept =
        process->flags & (TRACE_PROCESS_ACCESSES | TRACE_PROCESS_MADE_CODE |
                          TRACE_PROCESS_OWN_HEAP | TRACE_PROCESS_SHARES | TRACE_PROCESS_PAIRS);
    raw_zero(process, sizeof *process);
    process->state = 1;
    process->flags = (forked ? TRACE_PROCESS_FORKED : 0) | kept;
    process->pid = (uint32_t)raw0(SYS_getpid);
    process->parent_pid = (uint32_t)raw0(SYS_getppid);
    struct timespec now = {0, 0};
    raw2(SYS_clock_gettime, CLOCK_REALTIME, &now);
    process->start_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    process->start_tsc = tsc_now();
    raw2(SYS_getcwd, process->directory, sizeof process->directory);
    raw_copy(process->options, options, sizeof options);
    raw_copy(process->executable, executable, sizeof executable);
    raw_copy(process->command, command, sizeof command);
    patch_tell();
    if (!forked) {
        raw3(SYS_readlink, "/proc/self/exe", process->executable, sizeof process->executable - 1);
        read_file("/proc/self/cmdline", process->command, sizeof process->command);
    }
}

/* ---- birth ---- */

/*
 * A look-up that fails makes the dynamic linker allocate its message. So what the C library surely has is found at
 * once, what may be missing (the C++ runtime's functions in a C program) by init_complete().
 */
static bool may_be_missing(const char *name)
{
    return raw_equal_n(name, "__cxa_", 6);
}

static void *find(const char *name)
{
    static const char *const versioned[] = {"init",      "destroy", "wait",
                                            "timedwait", "signal",  "broadcast"};
    const char condition[] = "pthread_cond_";
    for (size_t i = 0; i < sizeof versioned / sizeof *versioned;
         i++) /* the old versions have another layout */
        if (raw_equal_n(name, condition, sizeof condition - 1) &&
            raw_equal(name + sizeof condition - 1, versioned[i]))
            return dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    return dlsym(RTLD_NEXT, name);
}

static void find_all(bool uncertain)
{
#define FIND(fn)                          \
    if (may_be_missing(#fn) == uncertain) \
        *(void **)(void *)&real.fn = find(#fn);
#define PRIM(ret, fn, params, args, kind, object, value, verb, ok)         FIND(fn)
#define PRIM_VOID(fn, params, args, kind, object, value, verb)             FIND(fn)
#define TRY(ret, fn, params, args, kind, object, verb, ok, probe)          FIND(fn)
#define COND(ret, fn, params, args, cond, mutex, verb, ok)                 FIND(fn)
#define HAND(fn, kind, verb)                                               FIND(fn)
#define FD_NEW(ret, fn, params, args, fd, state)                           FIND(fn)
#define FD_GONE(ret, fn, params, args, fd)                                 FIND(fn)
#define FD_RECEIVE(ret, fn, params, args, fd, waits, after)                FIND(fn)
#define FD_SEND(ret, fn, params, args, fd, to, size, bytes, waits, before) FIND(fn)
#include "trace/primitives.def"
    if (!uncertain) {
        outside_find(find);
        stack_find(find);
        own_stack_find(find);
    }
}

static bool complete;

/* What no library had when we began, or what is called before that. NULL if it still is nowhere. */
void *real_late(const char *name)
{
    void *found = complete ? late_find(name) : NULL;
    if (found)
        return found;
    int error = errno;
    found = dlsym(RTLD_NEXT, name);
    errno = error;
    return found;
}

static void own_path(void)
{
    for (uint32_t i = 1; i < table_modules.count; i++) {
        const struct trace_module *module = table_slot(&table_modules, i);
        if (module->flags & TRACE_MODULE_RUNTIME)
            raw_copy(init_own_path, module->path, sizeof module->path);
    }
}

/* A .preinit_array function (gcc's libtsan_preinit.o) calls us before libc has set environ: it lies behind argv. */
extern void *__libc_stack_end;
static char **environment_now(void)
{
    if (environ)
        return environ;
    uintptr_t *start = __libc_stack_end;
    return (char **)(start + 1 + start[0] + 1);
}

/* The page that a fork child finds zeroed. Without it (old kernels) only fork() itself is noticed: see process.c. */
static void life_guard(void)
{
    raw3(SYS_madvise, (void *)(uintptr_t)shim_life, sizeof shim_life, 18 /* MADV_WIPEONFORK */);
}

/* The main task's stack, for the names of things in it: from the program's name, which the kernel puts at the top, down
 * to the limit. */
static void main_stack(struct trace_task *record)
{
    struct {
        uint64_t soft, hard;
    } limit = {8u << 20, 0};
    raw4(SYS_prlimit64, 0, 3 /* RLIMIT_STACK */, 0, &limit);
    uint64_t size = limit.soft > 1u << 30 ? 1u << 30 : limit.soft;
    uintptr_t top = getauxval(AT_EXECFN);
    if (!top)
        return;
    record->stack_high = (top + 4095) & ~(uintptr_t)4095;
    record->stack_low = record->stack_high > size ? record->stack_high - size : 0;
}

bool init_incomplete;

/* Set where not even a record in memory could be made. It is said when the program makes its first thread, and not in
 * each of the small programs that a script starts. */
static volatile uint32_t unborn;

/* What every sanitizer's runtime exports. It wants the memory, the names and the code of the program as it made them. */
extern const char __interceptor_malloc[] __attribute__((weak));

static bool other_runtime(void)
{
    return __interceptor_malloc != NULL;
}

void init_say_unborn(void)
{
    if (!__atomic_exchange_n(&unborn, 0, __ATOMIC_RELAXED))
        return;
    if (other_runtime())
        shim_message(
            "nothing is recorded: the program has a sanitizer's runtime in it (build it with gorocheck cc; "
            "gorocheck run replaces gcc's libtsan.so)",
            NULL);
    else
        shim_message("nothing is recorded: the system gives no memory (a limit on address space?)",
                     NULL);
    end_unobserved();
}

static bool birth(void)
{
    message_setup();
    const char *text = options_variable(environment_now(), "GOROCHECK_OPTIONS");
    options_read(text);
    clock_unusual = shim_options.digest;
    if (other_runtime() || !end_setup())
        return false;
#define X(table) &table,
    struct table *const tables[] = {TABLES(X)};
#undef X
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!table_setup(tables[i]))
            return false;
    init_process_record(false);
    size_t used = 0;
    struct trace_process *process = process_record();
    if (text)
        raw_append(process->options, sizeof process->options, &used, text);
    if (!object_setup() || !fd_setup() || !thread_setup())
        return false;
    life_guard();
    shim_state = SHIM_ON;
    if (!task_setup()) {
        shim_state = SHIM_OFF;
        return false;
    }
    struct thread *thread = thread_current;
    thread->busy = 1;
    main_stack(thread->record);
    module_refresh();
    own_path();
    thread_watch_end();
    init_incomplete = true;
    if (shim_options.trace_dir[0])
        directory_need(); /* whoever named a directory wants to see that we were here */
    thread_leave(thread);
    return true;
}

/*
 * All that makes the dynamic linker allocate: look-ups that may fail, a dlopen. An allocator may be who calls us first, in
 * the midst of the first allocation (tcmalloc, pthread_once under its lock): to allocate then would be to wait for itself.
 * So this is left to our constructor, or to who makes a thread before that. And before the C library's own constructor has
 * run (environ is not set), a dlopen would run it, without arguments.
 */
void init_complete(void)
{
    if (!environ)
        return;
    int error = errno;
    init_incomplete = false;
    find_all(true);
    heap_cxx_find();
    complete = true;
    jump_find();
    loader_watch();
    if (heap_unseen())
        process_record()->flags |= TRACE_PROCESS_OWN_HEAP;
    go_setup();
    if (!go_on && shim_state == SHIM_ON && module_main_is_go()) {
        /* It ends by the system call itself: later nobody could say it, and its status stays its own. */
        shim_message("nothing is observed: the program was built by Go's own compiler; build it "
                     "with gccgo (gorocheck go build)",
                     NULL);
        shim_off("the program was built by Go's own compiler, whose goroutines cannot be observed");
        end_unobserved();
        errno = error;
        return;
    }
    /* In Go's programs the split-stack code of libgcc would be patched along: false races. */
    if (!go_on && shim_state == SHIM_ON)
        patch_start();
    errno = error;
}

/*
 * The dynamic linker calls malloc before all is relocated and the C library ready. What it says to debuggers tells when that
 * is over: before the first constructors, those of .preinit_array included, for which environ is not set yet.
 */
static bool too_early(void)
{
    return !environ && _r_debug.r_state != RT_CONSISTENT;
}

static void init(void)
{
    if (born || too_early())
        return;
    born = 1;
    thread_current = THREAD_GONE; /* what is called below passes through */
    find_all(false);
    thread_current = NULL;
    if (!birth()) {
        unborn = 1;
        shim_state = SHIM_OFF;
        thread_current = THREAD_GONE;
    }
    born = 2;
}

void shim_awake(void)
{
    if (UNLIKELY(!born))
        init();
}

__attribute__((constructor(101))) static void constructor(void)
{
    init();
    struct thread *thread = init_incomplete ? thread_enter() : NULL;
    if (!thread)
        return;
    init_complete();
    thread_leave(thread);
}

/* A fork child, seen by its zeroed page. Guard up on return, or NULL. */
static struct thread *child_begin(struct thread *thread)
{
    if (confined) {
        shim_state = SHIM_OFF;
        return NULL;
    }
    shim_state = SHIM_ON;
    if ((uintptr_t)thread <= 1) { /* forked by a thread that had no task */
        shim_state = SHIM_OFF;
        return NULL;
    }
    thread->busy = 1;
    process_fork_child(thread);
    if (shim_state == SHIM_ON)
        return thread;
    unborn = 1;
    thread_leave(thread);
    return NULL;
}

struct thread *thread_attach(void)
{
    struct thread *thread = thread_current;
    if (thread == THREAD_GONE)
        return NULL;
    if (UNLIKELY(shim_state == SHIM_UNBORN)) {
        if (born == 0)
            init();
        else if (born == 1)
            return NULL;
        else if (thread && !thread->busy)
            return child_begin(thread);
        else
            return NULL;
        thread = thread_current;
    }
    if (shim_state != SHIM_ON || thread == THREAD_GONE) /* also: not yet born */
        return NULL;
    if (thread) {
        if (thread->busy)
            return NULL;
        thread->busy = 1;
        return thread;
    }
    thread_current = THREAD_GONE; /* a thread not made through us */
    thread_watch_end();
    if (!directory_active)
        task_await_rest(); /* what others write into is going to be moved */
    directory_need();
    thread_current = NULL;
    uint32_t task = task_make(NULL);
    if (!task)
        return NULL;
    task_record(task)->flags |= TRACE_TASK_FOREIGN | TRACE_TASK_DETACHED;
    if (task == 2)
        access_no_longer_alone();
    return task_attach(task);
}
