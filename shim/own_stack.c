/*
 * Threads on a stack of the program's own (pthread_attr_setstack). The C library puts its record of a thread and all
 * thread-local variables at the top of the stack, ours with them, 6.4 KB of maybe 16. So it is given a stack of ours
 * instead, and the thread goes over to the program's before anything of the program runs. It begins and ends on ours: the
 * destructors of keys and of thread_local variables run there.
 *
 * For an unwinder the program's stack ends where the thread came to it. That is also how the C library ends a thread: at
 * the end of the frames it goes back to where it began.
 *
 * A place is used again when the C library has forgotten its thread (that was joined, or is detached) and the kernel has,
 * too. None is ever unmapped, so they are looked for without a lock.
 */
#include "shim/own_stack.h"

#include <errno.h>
#include <link.h>
#include <sys/mman.h>

#include "shim/real.h"

#include "shim/banned.h"
#include "shim/raw.h"

#define GUARD    ((size_t)4096)
#define ROOM     ((size_t)64 << 10) /* below what the C library is told of */
#define SMALLEST ((size_t)64 << 10)

enum state { OWN_FREE, OWN_USED, OWN_RELEASED };

struct own_stack {
    struct own_stack *next;
    uintptr_t bottom, high; /* without the guard */
    size_t told;
    uintptr_t low; /* the program's */
    size_t size;
    void *(*routine)(void *);
    void *argument;
    long pid, tid; /* 0: it has not begun */
    enum state state;
};

static struct own_stack *all;
static int (*next_getattr)(pthread_t handle, pthread_attr_t *attributes);

void own_stack_find(void *find(const char *name))
{
    *(void **)(void *)&next_getattr = find("pthread_getattr_np");
}

/* Our part of what the C library puts on each stack. */
static size_t own_part(void)
{
    extern const ElfW(Ehdr) header __asm__("__ehdr_start") __attribute__((visibility("hidden")));
    const ElfW(Phdr) *segments = (const void *)((const char *)&header + header.e_phoff);
    for (uint32_t i = 0; i < header.e_phnum; i++)
        if (segments[i].p_type == PT_TLS)
            return segments[i].p_memsz;
    return 0;
}

/* ---- places ---- */

/* A child process has those of its parent's threads, and leaves them alone. */
static bool is_gone(const struct own_stack *own)
{
    long tid = __atomic_load_n(&own->tid, __ATOMIC_ACQUIRE);
    return tid && own->pid == raw0(SYS_getpid) && raw3(SYS_tgkill, own->pid, tid, 0) == -ESRCH;
}

static bool take(struct own_stack *own)
{
    enum state state = __atomic_load_n(&own->state, __ATOMIC_ACQUIRE);
    return (state == OWN_FREE || (state == OWN_RELEASED && is_gone(own))) &&
           __atomic_compare_exchange_n(&own->state, &state, OWN_USED, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

static struct own_stack *make(size_t told)
{
    size_t room = SMALLEST;
    while (room < told)
        room *= 2;
    struct own_stack *own = memory_get(sizeof *own);
    uint8_t *low = own ? raw_map(NULL, GUARD + ROOM + room, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0)
                       : NULL;
    if (!low)
        return NULL;
    raw3(SYS_mprotect, low, GUARD, PROT_NONE);
    own->bottom = (uintptr_t)low + GUARD;
    own->high = own->bottom + ROOM + room;
    own->state = OWN_USED;
    own->next = __atomic_load_n(&all, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&all, &own->next, own, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    return own;
}

struct own_stack *own_stack_get(pthread_attr_t *attributes, uintptr_t low, size_t size,
                                void *(*routine)(void *), void *argument)
{
    size_t told = (size + own_part() + 63) & ~(size_t)63;
    struct own_stack *own = __atomic_load_n(&all, __ATOMIC_ACQUIRE);
    while (own && !(own->high - own->bottom - ROOM >= told && take(own)))
        own = own->next;
    if (!own)
        own = make(told);
    if (!own)
        return NULL;
    own->told = told;
    own->low = low;
    own->size = size;
    own->routine = routine;
    own->argument = argument;
    own->tid = 0;
    pthread_attr_setstack(attributes, (void *)(own->high - told), told);
    int detached = PTHREAD_CREATE_JOINABLE;
    pthread_attr_getdetachstate(attributes, &detached);
    if (detached == PTHREAD_CREATE_DETACHED)
        own_stack_release(own);
    return own;
}

void own_stack_put(struct own_stack *own)
{
    __atomic_store_n(&own->state, OWN_FREE, __ATOMIC_RELEASE);
}

struct own_stack *own_stack_of(uintptr_t handle)
{
    struct own_stack *own = __atomic_load_n(&all, __ATOMIC_ACQUIRE);
    while (own && (handle < own->bottom || handle >= own->high))
        own = own->next;
    return own;
}

void own_stack_release(struct own_stack *own)
{
    if (own)
        __atomic_store_n(&own->state, OWN_RELEASED, __ATOMIC_RELEASE);
}

bool own_stack_beside(uintptr_t *low, size_t *size)
{
    const struct own_stack *own = own_stack_of((uintptr_t)pthread_self());
    if (!own)
        return false;
    *low = own->high - own->told;
    *size = own->told;
    return true;
}

/* ---- the thread ---- */

void *own_stack_run(void *(*routine)(void *), void *argument,
                    uintptr_t top) __asm__("gorocheck_own_stack_run")
    __attribute__((visibility("hidden")));
__asm__(".text\n"
        ".type gorocheck_own_stack_run,@function\n"
        "gorocheck_own_stack_run:\n"
        ".cfi_startproc\n"
        ".cfi_undefined %rip\n"
        "    push %rbp\n"
        "    mov %rsp, %rbp\n"
        ".cfi_def_cfa %rbp, 16\n"
        "    mov %rdx, %rsp\n"
        "    mov %rdi, %rax\n"
        "    mov %rsi, %rdi\n"
        "    call *%rax\n"
        "    leave\n"
        ".cfi_def_cfa %rsp, 8\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size gorocheck_own_stack_run, . - gorocheck_own_stack_run\n");

void *own_stack_main(void *data)
{
    struct own_stack *own = data;
    own->pid = raw0(SYS_getpid);
    __atomic_store_n(&own->tid, raw0(SYS_gettid), __ATOMIC_RELEASE);
    return own_stack_run(own->routine, own->argument, (own->low + own->size) & ~(uintptr_t)15);
}

/* The program is told what it asked for. */
EXPORT int pthread_getattr_np(pthread_t handle, pthread_attr_t *attributes)
{
    if (UNLIKELY(!next_getattr))
        *(void **)(void *)&next_getattr = real_late("pthread_getattr_np");
    int result = next_getattr(handle, attributes);
    const struct own_stack *own = result == 0 ? own_stack_of((uintptr_t)handle) : NULL;
    if (own)
        pthread_attr_setstack(attributes, (void *)own->low, own->size);
    return result;
}
