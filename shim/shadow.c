/*
 * The shadow call stack of instrumented code: a push at __tsan_func_entry, a pop at __tsan_func_exit. Memory is reserved
 * for SHADOW_DEPTH frames and touched as the program recurses; deeper frames are only counted. Frames that a longjmp
 * skipped are cut by the stack pointer each frame had.
 *
 * Invariant: shadow->pc <= access_fast.top <= access_fast.limit; access_fast.low <= access_fast.top, except while frames
 * beyond the limit are counted: then `low` is beyond everything, so that each exit comes here. No guard is needed: what
 * a signal handler's own records changed is put back when it returns (shadow_show, shadow_back).
 */
#include "shim/access_state.h"

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/spin.h"

#define STACK_NEAR \
    (UINT64_C(64) << 20) /* a stack pointer further away than this is on another stack */
#define BEYOND ((uint64_t *)UINTPTR_MAX)

static struct spin free_lock;
static struct shadow *free_shadows; /* of threads that ended; linked by unused[0] */
static uint64_t nothing_pushed[1];

bool shadow_attach(struct access_state *state)
{
    spin_lock(&free_lock);
    struct shadow *shadow = free_shadows;
    if (shadow)
        free_shadows = (struct shadow *)(uintptr_t)shadow->unused[0];
    spin_unlock(&free_lock);
    if (!shadow)
        shadow = memory_get(sizeof *shadow);
    if (!shadow)
        return false;
    state->shadow = shadow;
    state->overflow = 0;
    state->low_written = 0;
    access_fast.context_top = NULL;
    access_fast.top = access_fast.low = shadow->pc;
    access_fast.limit = shadow->pc + SHADOW_DEPTH;
    return true;
}

void shadow_detach(struct access_state *state)
{
    struct shadow *shadow = state->shadow;
    state->shadow = NULL;
    access_fast.context_top = NULL;
    access_fast.top = access_fast.limit = nothing_pushed;
    access_fast.low = BEYOND;
    spin_lock(&free_lock);
    shadow->unused[0] = (uintptr_t)free_shadows;
    free_shadows = shadow;
    spin_unlock(&free_lock);
}

void shadow_fork_child(void)
{
    spin_reset(&free_lock);
}

/* The state of this thread if it has a shadow stack. */
static struct access_state *present(void)
{
    struct thread *thread = thread_current;
    if ((uintptr_t)thread <= 1 || !thread->access || !thread->access->shadow)
        return NULL;
    return thread->access;
}

/* No room: the thread has no shadow stack yet, or the stack is full. */
void shadow_enter_slow(uint64_t pc, uint64_t sp)
{
    struct access_state *state = present();
    if (!state) {
        struct thread *thread = thread_enter();
        if (!thread)
            return;
        state = access_state_get(thread);
        thread_leave(thread);
        if (state && access_fast.top != access_fast.limit)
            shadow_enter(pc, sp);
        return;
    }
    if (state->overflow == 0) {
        state->low_saved = access_fast.low;
        __asm__ volatile("" ::: "memory");
        access_fast.low = BEYOND;
        __asm__ volatile("" ::: "memory");
    }
    state->overflow++;
}

/* A frame goes that belongs to the last context, or is only counted, or was entered before we were there. */
void shadow_leave_slow(void)
{
    struct access_state *state = present();
    if (!state)
        return;
    if (state->overflow) {
        if (--state->overflow == 0)
            access_fast.low = state->low_saved;
        return;
    }
    uint64_t *place = access_fast.top - 1;
    if (place < state->shadow->pc)
        return;
    access_fast.context_top = NULL;
    __asm__ volatile("" ::: "memory");
    access_fast.top = place;
    __asm__ volatile("" ::: "memory");
    access_fast.low = place;
}

/*
 * A handler may be entered between any two instructions of shadow_enter() and shadow_leave(). What it pushes it pops; but
 * its records move `low` up to where the stack ends then, and a shadow_leave() that had compared with the old one goes
 * below that: the next frame in this place would be taken for the one that the stream knows. A lower `low` is never wrong.
 */
void shadow_show(struct shadow_view *view)
{
    const struct access_state *state = present();
    *view = (struct shadow_view){.shadow = state ? state->shadow : NULL};
    if (!state)
        return;
    view->top = access_fast.top;
    view->low = access_fast.low;
    view->low_saved = state->low_saved;
    view->overflow = state->overflow;
}

void shadow_back(const struct shadow_view *view)
{
    struct access_state *state = present();
    if (!state || state->shadow != view->shadow)
        return;
    access_fast.context_top = NULL;
    if (access_fast.top != view->top || state->overflow != view->overflow)
        return; /* it left frames behind, or the thread is another task's now */
    if (access_fast.low > view->low)
        access_fast.low = view->low;
    if (state->low_saved > view->low_saved)
        state->low_saved = view->low_saved;
}

/*
 * The frame to which a longjmp to stack pointer `sp` returns: the nearest at or above it. The frames of a handler on a
 * signal stack, or of another fiber, may lie anywhere, so all of them are looked at.
 */
static uint32_t frame_at(const struct shadow *shadow, uint32_t depth, uint64_t sp)
{
    uint64_t nearest = STACK_NEAR;
    uint32_t found = 0;
    for (uint32_t i = depth; i > 0; i--) {
        uint64_t above = shadow->sp[i - 1] - sp;
        if (above < nearest) {
            nearest = above;
            found = i;
        }
    }
    if (found)
        return found;
    while (depth > 0 && sp - shadow->sp[depth - 1] < STACK_NEAR)
        depth--;
    return depth;
}

void shadow_cut(uint64_t sp)
{
    struct access_state *state = present();
    if (!state)
        return;
    const struct shadow *shadow = state->shadow;
    uint32_t depth = (uint32_t)(access_fast.top - shadow->pc), left = frame_at(shadow, depth, sp);
    if (left == depth)
        return; /* also where the target may be one of the frames that are only counted */
    if (state->overflow) {
        state->overflow = 0;
        access_fast.low = state->low_saved;
    }
    access_fast.context_top = NULL;
    access_fast.top = state->shadow->pc + left;
    if (access_fast.low > access_fast.top)
        access_fast.low = access_fast.top;
}

/* ---- another task on the same thread ---- */

#define FRAMES_MAX 4096u /* deeper stacks lose their outermost frames at a switch */

void access_task_save(struct thread *thread, uint64_t **frames, uint32_t *count, uint32_t *room)
{
    struct access_state *state = thread->access;
    *count = 0;
    if (!state->shadow)
        return;
    const struct shadow *shadow = state->shadow;
    uint32_t depth = (uint32_t)(access_fast.top - shadow->pc);
    uint32_t saved = depth < FRAMES_MAX ? depth : FRAMES_MAX;
    if (saved > *room) {
        uint32_t size = *room ? *room : 8;
        while (size < saved)
            size *= 2;
        uint64_t *larger = memory_get((size_t)size * 2 * sizeof *larger);
        if (!larger)
            saved = 0;
        *frames = larger;
        *room = larger ? size : 0;
    }
    for (uint32_t i = 0; i < saved; i++) {
        (*frames)[2 * i] = shadow->pc[depth - saved + i];
        (*frames)[2 * i + 1] = shadow->sp[depth - saved + i];
    }
    *count = saved;
}

void access_task_load(struct thread *thread, bool moved, const uint64_t *frames, uint32_t *count)
{
    struct access_state *state = thread->access;
    if (moved)
        state->task = 0; /* a new stay in the stream */
    /* It may come back to the segment that the stream names, and then nothing is written for a new one. */
    gather_write(thread, state);
    access_new_segment(thread);
    if (!state->shadow)
        return;
    struct shadow *shadow = state->shadow;
    for (uint32_t i = 0; i < *count; i++) {
        shadow->pc[i] = frames[2 * i];
        shadow->sp[i] = frames[2 * i + 1];
    }
    access_fast.top = shadow->pc + *count;
    access_fast.low = shadow->pc;
    *count = 0;
    state->overflow = 0;
    access_fast.context_top = NULL;
    state->low_written = 0;
    state->fence_segment = 0;
    state->pending_count = 0;
}

const uint64_t *access_shadow(uint32_t *count)
{
    struct access_state *state = present();
    *count = state ? (uint32_t)(access_fast.top - state->shadow->pc) : 0;
    return state ? state->shadow->pc : NULL;
}
