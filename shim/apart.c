/*
 * Descriptors are the host's: a number that we hold for a moment is missing from those that the host is given, and one that
 * the host closes twice may be ours by then, or another file's when we close it. So where there are other threads the
 * recorder opens its files in a table of descriptors of its own. Only a thread can have one, and none can go back to the
 * table that it has left: hence a thread for each such work, made past the C library. It runs on the caller's stack, below
 * what the caller uses, who waits for it with all signals blocked; what it maps stays.
 *
 * close_range unshares the table and leaves nothing in it in one step, so that no file of the host's is held open by us
 * (which a pipe's reader, a lock on a file or a port would notice). Where the system does not let us make a thread, the work
 * is done in the host's table.
 */
#include "shim/apart.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/table.h"

#define STACK_LEFT \
    256 /* of the caller's: the red zone, and more than the loop in which it waits may use */

#define GONE_TRIES \
    10000u /* a thread counts for a while after it has woken us; one that is traced, for as long as its tracer likes */

struct job {
    void (*work)(void *);
    void *data;
    volatile uint32_t thread; /* 0: it has ended */
    bool done;
};

volatile bool apart_off;
static __thread volatile bool inside;
static volatile uint32_t begun,
    alive; /* such threads in all, and those that the kernel counts now */

bool apart_is(void)
{
    return inside;
}

int apart_borrow(int number)
{
    long process = raw2(SYS_pidfd_open, raw0(SYS_getpid), 0);
    if (process < 0)
        return (int)process;
    long fd = raw3(SYS_pidfd_getfd, process, number, 0);
    raw1(SYS_close, process);
    return (int)fd;
}

__attribute__((used)) static void apart_thread(struct job *job)
{
    if (raw3(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE) < 0)
        return;
    inside = true;
    job->work(job->data);
    inside = false;
    job->done = true;
}

/* What pthread_create asks for, so that a filter of system calls that knows threads knows this one. */
#define FLAGS                                                                           \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static bool thread_run(struct job *job)
{
    long result, storage;
    __asm__("movq %%fs:0, %0" : "=r"(storage));
    register volatile uint32_t *cleared __asm__("r10") = &job->thread;
    register long tls __asm__("r8") = storage;
    job->thread = 1;
    __atomic_fetch_add(&alive, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&begun, 1, __ATOMIC_SEQ_CST);
    __asm__ volatile("leaq -%c[left](%%rsp), %%rsi\n\t"
                     "andq $-16, %%rsi\n\t"
                     "syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t" /* the outermost frame */
                     "movq %[job], %%rdi\n\t"
                     "callq apart_thread\n\t"
                     "movl %[exit], %%eax\n\t"
                     "xorl %%edi, %%edi\n\t"
                     "syscall\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "0"((long)SYS_clone), "D"((long)FLAGS), "d"(&job->thread), "r"(cleared),
                       "r"(tls), [job] "b"(job), [left] "i"(STACK_LEFT), [exit] "i"(SYS_exit)
                     : "rcx", "r11", "rsi", "memory");
    for (uint32_t now; result >= 0 && (now = job->thread);)
        raw6(SYS_futex, (long)&job->thread, FUTEX_WAIT, now, 0, 0, 0);
    for (uint32_t i = 0; result >= 0 && i < GONE_TRIES; i++)
        if (raw3(SYS_tgkill, raw0(SYS_getpid), result, 0) < 0)
            break;
        else
            raw0(SYS_sched_yield);
    __atomic_fetch_sub(&alive, 1, __ATOMIC_SEQ_CST);
    return result >= 0 && job->done;
}

uint32_t apart_begun(void)
{
    return __atomic_load_n(&begun, __ATOMIC_SEQ_CST);
}

void apart_fork_child(void)
{
    alive = 0;
}

bool apart_over(uint32_t *known)
{
    uint32_t now = apart_begun();
    bool met = now != *known || __atomic_load_n(&alive, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < GONE_TRIES && __atomic_load_n(&alive, __ATOMIC_SEQ_CST); i++)
        raw0(SYS_sched_yield);
    *known = now;
    return met;
}

void apart(void (*work)(void *), void *data)
{
    struct job job = {.work = work, .data = data};
    if (table_tasks.count > 2 && !apart_off) { /* more than the main task: slot 0 is nobody's */
        uint64_t all = ~UINT64_C(0), mask = 0;
        raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
        thread_run(&job);
        raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
    }
    if (!job.done)
        work(data);
}

struct reading {
    const char *path;
    char *text;
    size_t size;
    long result;
};

static void read_once(void *data)
{
    struct reading *reading = data;
    long fd = raw3(SYS_open, reading->path, O_RDONLY | O_CLOEXEC, 0);
    reading->result = fd < 0 ? fd : raw3(SYS_read, fd, reading->text, reading->size);
    if (fd >= 0)
        raw1(SYS_close, fd);
}

long apart_read(const char *path, char *text, size_t size)
{
    struct reading reading = {.path = path, .text = text, .size = size};
    apart(read_once, &reading);
    return reading.result;
}
