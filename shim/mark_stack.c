/*
 * A LOCK that touched a variable of some frame marks its bytes, and later frames lie in the same place: without an end to
 * the marks each of their plain stores would be a release and end a segment (nearly all segments of a Java compiler in its
 * virtual machine). Heap blocks take their marks with them; of a frame nobody tells that it is over. But whoever comes by
 * with the stack's end above a marked byte shows that it is.
 *
 * To mark again costs microseconds, a barrier of all threads among them. So marks are ended when they have cost as much:
 * after MET_OFTEN plain accesses that met some. What is lower than the lowest of these stays, until it is met.
 *
 * Where the end of the stack is not that of the task's own (a fiber that the recorder does not know of, a signal stack),
 * nothing is concluded from it. Who runs coroutines on parts of one stack, so that frames go on below its end, may lose
 * marks of these; the next LOCK makes them again.
 */
#include "shim/mark_stack.h"

#include "shim/banned.h"
#include "shim/mark.h"
#include "shim/raw.h"

#define MET_OFTEN 16u
#define NOT_DUE   UINTPTR_MAX

__thread struct mark_stack mark_stack = {NOT_DUE, NOT_DUE, 0};

static bool is_own(const struct thread *thread, uintptr_t address)
{
    const struct trace_task *task = thread->record;
    return task->stack_low && address >= task->stack_low && address < task->stack_high;
}

static bool on_signal_stack(void)
{
    struct {
        void *low;
        int flags;
        size_t size;
    } stack = {NULL, 0, 0};
    return raw4(SYS_sigaltstack, 0, (long)&stack, 0, 0) != 0 || stack.flags & 1; /* SS_ONSTACK */
}

void mark_stack_end(const struct thread *thread, uintptr_t end)
{
    uintptr_t low = mark_stack.due;
    mark_stack = (struct mark_stack){NOT_DUE, NOT_DUE, 0};
    if (is_own(thread, low) && is_own(thread, end) && !on_signal_stack())
        mark_clear(low, end - low);
}

void mark_stack_met(const struct thread *thread, uintptr_t address)
{
    if (!is_own(thread, address))
        return;
    if (address < mark_stack.low)
        mark_stack.low = address;
    if (++mark_stack.met >= MET_OFTEN)
        mark_stack.due = mark_stack.low;
}
