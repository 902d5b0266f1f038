/*
 * The slow path of unmodified code.
 *
 * A plain access is recorded with its call stack, as any other. Instructions with LOCK, and xchg, are atomic operations
 * that acquire and release; the bytes they touch are marked from then on (mark.c), and a plain load of a marked byte is an
 * acquire, a plain store a release. Such an instruction runs between a `before` and an `after`: operation and clock are one
 * step under the lock of the object, as in atomic.c. An object stands for 8 bytes of memory, since machine code may touch
 * the halves of a word together and apart; only the marks are exact to the byte. What lies in several words (cmpxchg16b, a
 * move of 16 to 64 bytes) takes the objects of all of them, and a store does not drop the clock of a word that others
 * may synchronise by a part of which it leaves alone.
 *
 * Invariants: the guard stays up from `before` to `after`, so no handler runs in between (a fault of the instruction
 * gives everything back first: patch_access_abandon). A byte is in no thread's filter as a plain one once it is marked:
 * who marks it makes all threads forget the line; who enters a line looks at the marks once more behind that, with a
 * barrier in between, so one of the two sees the other. LOCK's own write is recorded before its release.
 */
#include "shim/patch_access.h"

#include <linux/futex.h>

#include "shim/access_state.h"
#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/mark.h"
#include "shim/mark_stack.h"
#include "shim/object.h"
#include "shim/outside.h"
#include "shim/raw.h"
#include "shim/stack.h"
#include "shim/vector.h"

#define GRANULE            8u
#define WORDS              9u /* that 64 bytes may lie in */
#define ZERO_FLAG          0x40u

/* membarrier(2): what is done seldom (a byte is marked) makes all threads pass a barrier, so that what is done often (a
 * line is entered into a filter: mark_look()) needs none: 8 of 40 ns. Without it both sides fence. */
#define EXPEDITED          8
#define REGISTER_EXPEDITED 16
void patch_access_setup(void)
{
    mark_expedited = raw3(SYS_membarrier, REGISTER_EXPEDITED, 0, 0) == 0;
}

void patch_fence(void)
{
    if (mark_expedited && raw3(SYS_membarrier, EXPEDITED, 0, 0) == 0)
        return;
    if (mark_expedited && raw3(SYS_membarrier, REGISTER_EXPEDITED, 0, 0) == 0) /* a fork child */
        raw3(SYS_membarrier, EXPEDITED, 0, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* What an instruction under way holds. One thread's alone. */
static __thread struct bracket {
    bool active;
    bool missing; /* of a load: some word has no object */
    uint32_t count;
    struct object *objects[WORDS]; /* locked, in the order of their words */
} bracket __attribute__((tls_model("initial-exec")));

/* ---- who calls ---- */

/*
 * Where the C library is patched its checks use the same words as the one under way. All that a slow path calls of it is
 * within these two.
 */
static void attach(void *thread)
{
    struct patch_thread outer;
    if (UNLIKELY(patch_nests))
        raw_copy(&outer, &patch_thread, sizeof outer);
    *(struct thread **)thread = thread_attach();
    if (UNLIKELY(patch_nests))
        raw_copy(&patch_thread, &outer, sizeof outer);
}

static uint32_t stack_asked(struct thread *thread, const struct patch_site *site,
                            struct stack_registers *registers)
{
    if (LIKELY(!patch_nests))
        return stack_of(thread, site->pc - site->function, site->pc, registers);
    struct patch_thread outer;
    raw_copy(&outer, &patch_thread, sizeof outer);
    uint32_t id = stack_of(thread, site->pc - site->function, site->pc, registers);
    raw_copy(&patch_thread, &outer, sizeof outer);
    return id;
}

/*
 * Where the C library is patched: is this its own code? In a new thread that runs before the thread can be told which task
 * it is (thread.c), and makes none. Within an intercepted function it keeps what the wrapper tells of as a whole: who is
 * made, joined or woken is after the call's beginning or before its end only.
 */
static inline bool is_innards(const struct thread *thread)
{
    return UNLIKELY(patch_nests) && thread != THREAD_GONE &&
           (!thread || thread->within > (uintptr_t)__builtin_frame_address(0)) && patch_home();
}

static inline struct thread *enter(void)
{
    struct thread *thread = thread_current;
    if (is_innards(thread))
        return NULL;
    if (LIKELY((uintptr_t)thread > 1 && !thread->busy)) {
        thread->busy = 1;
        __asm__ volatile("" ::: "memory");
        if (LIKELY(shim_state == SHIM_ON)) /* behind that: see access_near() */
            return thread;
        thread_leave(thread);
    }
    if (thread == THREAD_GONE || (thread && thread->busy) || shim_state == SHIM_OFF ||
        shim_state == SHIM_ENDED)
        return NULL;
    vector_keep(attach, &thread, NULL);
    return thread;
}

/* Below this the program's stack holds nothing. */
static inline uintptr_t stack_end(const struct patch_frame *frame)
{
    return (uintptr_t)(frame + 1);
}

/* The registers that a callee keeps are in the frame, but for the check's own scratch registers. */
static NOINLINE uint32_t stack_new(struct thread *thread, const struct patch_site *site,
                                   const struct patch_frame *frame)
{
    struct stack_registers registers = {.rbx = frame->rbx,
                                        .rbp = frame->rbp,
                                        .rsp = patch_frame_sp(frame),
                                        .r12 = frame->r12,
                                        .r13 = frame->r13,
                                        .r14 = frame->r14,
                                        .r15 = frame->r15};
    uint64_t *const saved[16] = {
        [3] = &registers.rbx,  [5] = &registers.rbp,  [12] = &registers.r12,
        [13] = &registers.r13, [14] = &registers.r14, [15] = &registers.r15};
    if (saved[site->registers & 15])
        *saved[site->registers & 15] = patch_thread.spill_a;
    if (saved[site->registers >> 4])
        *saved[site->registers >> 4] = patch_thread.spill_b;
    return stack_asked(thread, site, &registers);
}

static inline uint32_t stack_now(struct thread *thread, const struct patch_site *site,
                                 const struct patch_frame *frame)
{
    uint32_t id;
    if (LIKELY(stack_known(thread, site->pc - site->function, patch_frame_sp(frame), &id)))
        return id;
    return stack_new(thread, site, frame);
}

/* ---- marked bytes ---- */

/* Bit i: byte i of the access is marked. */
static inline uint64_t marks_of(uintptr_t address, uint32_t size)
{
    uint32_t offset = address % MARK_LINE;
    uint64_t marks = mark_of_line(address) >> offset;
    if (offset + size > MARK_LINE)
        marks |= mark_of_line(address + MARK_LINE) << (MARK_LINE - offset);
    return marks & ~UINT64_C(0) >> (64 - size);
}

/* Bytes `mask` of those from `address` on. */
static void bytes_record(struct thread *thread, uintptr_t address, uint64_t mask, uint32_t kind,
                         uintptr_t pc)
{
    uint32_t offset = address % MARK_LINE;
    uintptr_t line = address - offset;
    if (mask << offset)
        access_line(thread, line, mask << offset, kind, pc);
    if (offset && mask >> (MARK_LINE - offset))
        access_line(thread, line + MARK_LINE, mask >> (MARK_LINE - offset), kind, pc);
}

static inline uintptr_t granule_of(uintptr_t address)
{
    return address & ~(uintptr_t)(GRANULE - 1);
}

/* The first word with one of the bytes `marks` of those from `address` on; they are no longer in `marks` then. */
static inline uintptr_t word_take(uintptr_t address, uint64_t *marks)
{
    uintptr_t word = granule_of(address + (uint32_t)__builtin_ctzll(*marks));
    uintptr_t done = word + GRANULE - address;
    *marks = done < 64 ? *marks >> done << done : 0;
    return word;
}

/* A bracket begins, with the objects of all words that these bytes lie in; who only reads makes none. Who writes ends the
 * segment, and what that has gathered is written before others have to wait for the objects. */
static inline void words_lock(struct thread *thread, uintptr_t address, uint64_t marks, bool make)
{
    if (UNLIKELY(access_fast.gathering) && make)
        access_flush(thread);
    bracket.count = 0;
    bracket.missing = false;
    while (marks) {
        uintptr_t word = word_take(address, &marks);
        struct object *object = make ? object_get(thread, word, TRACE_OBJECT_ATOMIC)
                                     : object_find(thread, word, TRACE_OBJECT_ATOMIC);
        if (!object) {
            bracket.missing = true;
            continue;
        }
        object_lock(object);
        bracket.objects[bracket.count++] = object;
    }
    bracket.active = true;
}

static inline void words_unlock(void)
{
    for (uint32_t i = 0; i < bracket.count; i++)
        object_unlock(bracket.objects[i]);
}

static inline void words_acquire(struct thread *thread, uintptr_t pc)
{
    for (uint32_t i = 0; i < bracket.count; i++)
        clock_acquire(thread, bracket.objects[i], pc);
}

/* Behind words_acquire(). */
static inline void words_release(struct thread *thread)
{
    for (uint32_t i = 1; i < bracket.count; i++)
        clock_publish(thread, bracket.objects[i], thread->segment, false);
    if (bracket.count)
        clock_release(thread, bracket.objects[0]);
}

/* A plain store of `size` bytes: what was released by bytes of a word that it leaves alone stays. */
static void words_store(struct thread *thread, uintptr_t address, uint32_t size)
{
    uint64_t bytes = ~UINT64_C(0) >> (64 - size);
    for (uint32_t i = 0; i < bracket.count; i++) {
        uintptr_t word = bracket.objects[i]->shown.address;
        uint64_t stored = word < address ? bytes << (address - word) : bytes >> (word - address);
        uint64_t marks = mark_of_line(word) >> word % MARK_LINE & ((1u << GRANULE) - 1);
        clock_publish(thread, bracket.objects[i], thread->segment, marks & ~stored);
    }
    clock_new_segment(thread);
}

/* Words had no object before the load ran: one may have been made since, and what was read may be of it. */
static NOINLINE void words_missing(struct thread *thread, const struct patch_site *site)
{
    uintptr_t address = patch_thread.address;
    for (uint64_t marks = marks_of(address, site->size); marks;) {
        struct object *object =
            object_find(thread, word_take(address, &marks), TRACE_OBJECT_ATOMIC);
        if (!object)
            continue;
        object_lock(object);
        clock_acquire(thread, object, site->pc + 1);
        object_unlock(object);
    }
}

/* An instruction that cannot be bracketed: not one step, so clocks are joined, never replaced. */
static void words_synchronise(struct thread *thread, uintptr_t address, uint64_t marks,
                              uint32_t kind, uintptr_t pc)
{
    bool write = kind & TRACE_KIND_WRITE;
    while (marks) {
        uintptr_t word = word_take(address, &marks);
        struct object *object = write ? object_get(thread, word, TRACE_OBJECT_ATOMIC)
                                      : object_find(thread, word, TRACE_OBJECT_ATOMIC);
        if (object) {
            object_lock(object);
            if (write)
                clock_publish(thread, object, thread->segment, true);
            else
                clock_acquire(thread, object, pc);
            object_unlock(object);
        }
    }
    if (write)
        clock_new_segment(thread);
}

/* Guard up. True: it stays up, and the instruction is to run now. */
static NOINLINE bool marked_before(struct thread *thread, struct access_state *state,
                                   const struct patch_site *site, const struct patch_frame *frame,
                                   uint64_t marks)
{
    uintptr_t address = patch_thread.address, pc = site->pc + 1;
    uint32_t kind = site->kind & (TRACE_KIND_WRITE | ~TRACE_KIND_FLAGS);
    if (access_alone())
        return false;
    mark_stack_met(thread, address);
    access_stack(state, stack_now(thread, site, frame));
    bytes_record(thread, address, marks, kind | TRACE_KIND_MARKED, pc);
    bytes_record(thread, address, ~marks & ~UINT64_C(0) >> (64 - site->size), site->kind, pc);
    access_stack(state, 0);
    if (!(site->details & PATCH_BRACKET)) {
        words_synchronise(thread, address, marks, kind, pc);
        return false;
    }
    words_lock(thread, address, marks, kind & TRACE_KIND_WRITE);
    if ((site->kind & (TRACE_KIND_WRITE | TRACE_KIND_BOTH)) == TRACE_KIND_WRITE)
        words_store(thread, address, site->size);
    return true;
}

void patch_access_after(const struct patch_site *site, const struct patch_frame *frame)
{
    (void)frame;
    struct thread *thread = thread_current;
    if (!bracket.active)
        return;
    bracket.active = false;
    bool write = site->kind & TRACE_KIND_WRITE, both = write && site->kind & TRACE_KIND_BOTH;
    if (!write || both)
        words_acquire(thread, site->pc + 1);
    if (both)
        words_release(thread);
    words_unlock();
    if (UNLIKELY(bracket.missing) && !write)
        words_missing(thread, site);
    thread_leave(thread);
}

/* ---- plain accesses ---- */

static inline bool touch(struct thread *thread, const struct patch_site *site,
                         const struct patch_frame *frame)
{
    uintptr_t address = patch_thread.address;
    struct access_state *state = access_state_get(thread);
    if (UNLIKELY(!state))
        return false;
    uint64_t marks = marks_of(address, site->size);
    if (UNLIKELY(marks))
        return marked_before(thread, state, site, frame, marks);
    if (access_alone()) {
        access_record(thread, address, site->size, site->kind, site->pc + 1);
        return false;
    }
    uint32_t context = access_record_of(thread, state, address, site, patch_thread.site,
                                        stack_now(thread, site, frame));
    mark_look();
    marks = marks_of(address, site->size);
    if (LIKELY(!marks)) {
        patch_thread.context = context;
        return false;
    }
    access_forget_everywhere(address & ~(uintptr_t)(LINE_BYTES - 1));
    access_forget_everywhere((address + site->size - 1) & ~(uintptr_t)(LINE_BYTES - 1));
    return marked_before(thread, state, site, frame, marks);
}

/* After each call and each return of the program: what patch_access() would have to find out for the first access, without
 * recording it. */
bool patch_arrive(const struct patch_site *site, const struct patch_frame *frame)
{
    struct thread *thread = thread_current;
    if (UNLIKELY((uintptr_t)thread <= THREAD_NONE || thread->busy || patch_nests) ||
        UNLIKELY(!thread->access || access_alone()) || UNLIKELY(patch_thread.address < LOWEST) ||
        UNLIKELY(mark_of_line(patch_thread.address)))
        return false;
    __builtin_prefetch((const void *)patch_thread.address); /* the program is about to */
    thread->busy = 1;
    __asm__ volatile("" ::: "memory");
    if (LIKELY(shim_state == SHIM_ON)) { /* behind that: see access_near() */
        mark_stack_look(thread, stack_end(frame));
        patch_thread.context =
            access_context_of(thread, thread->access, stack_now(thread, site, frame));
    }
    thread_leave(thread);
    return patch_thread.context != 0; /* a signal may have come */
}

bool patch_access(const struct patch_site *site, const struct patch_frame *frame)
{
    if (UNLIKELY(
            access_crossing_seen(patch_thread.address, site->size, site->kind & TRACE_KIND_WRITE)))
        return false;
    struct thread *thread = enter();
    if (UNLIKELY(!thread))
        return false;
    mark_stack_look(thread, stack_end(frame));
    if (UNLIKELY(touch(thread, site, frame)))
        return true;
    thread_leave(thread);
    return false;
}

void patch_range(const struct patch_site *site, const struct patch_frame *frame, uintptr_t address,
                 size_t size, uint32_t kind)
{
    struct thread *thread = enter();
    if (UNLIKELY(!thread))
        return;
    struct access_state *state = access_state_get(thread);
    if (state) {
        access_stack(state, access_alone() ? 0 : stack_now(thread, site, frame));
        access_record(thread, address, size, kind, site->pc + 1);
        access_stack(state, 0);
    }
    thread_leave(thread);
}

/* ---- LOCK ---- */

void patch_mark(uintptr_t address, size_t size)
{
    if (LIKELY(!patch_on) || !mark_set(address, size))
        return;
    patch_fence();
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    access_forget_everywhere(line);
    if (address - line + size > LINE_BYTES)
        access_forget_everywhere(line + LINE_BYTES);
}

/* Of `lock bts` and its kin by a register: the element of the bit string that the bit lies in. */
static void find_bit(const struct patch_site *site, const struct patch_frame *frame)
{
    const uint64_t registers[] = {frame->rax, frame->rcx, frame->rdx, frame->rbx,
                                  0,          frame->rbp, frame->rsi, frame->rdi,
                                  frame->r8,  frame->r9,  frame->r10, frame->r11,
                                  frame->r12, frame->r13, frame->r14, frame->r15};
    uint64_t number = registers[(site->details - 1u) & 15];
    int64_t bit = site->size == 8   ? (int64_t)number
                  : site->size == 4 ? (int64_t)(int32_t)number
                                    : (int64_t)(int16_t)number;
    patch_thread.address += (uint64_t)(bit >> (3 + __builtin_ctz(site->size))) * site->size;
}

void patch_lock_before(const struct patch_site *site, const struct patch_frame *frame)
{
    if (UNLIKELY(site->details))
        find_bit(site, frame);
    uintptr_t address = patch_thread.address;
    struct thread *thread = enter();
    if (UNLIKELY(!thread))
        return;
    patch_mark(address, site->size);
    if (access_alone()) {
        thread_leave(thread);
        return;
    }
    words_lock(thread, address, ~UINT64_C(0) >> (64 - site->size), true);
}

void patch_lock_after(const struct patch_site *site, const struct patch_frame *frame)
{
    if (!bracket.active)
        return;
    bracket.active = false;
    struct thread *thread = thread_current;
    struct access_state *state = access_state_get(thread);
    bool written = !(site->details & PATCH_COMPARES) || frame->flags & ZERO_FLAG;
    uint32_t kind = (site->kind & ~TRACE_KIND_FLAGS) | TRACE_KIND_ATOMIC;
    if (state) {
        access_stack(state, stack_now(thread, site, frame));
        bytes_record(thread, patch_thread.address, ~UINT64_C(0) >> (64 - site->size),
                     kind | (written ? TRACE_KIND_WRITE : 0), site->pc + 1);
        access_stack(state, 0);
    }
    words_acquire(thread, site->pc + 1);
    if (written)
        words_release(thread);
    words_unlock();
    thread_leave(thread);
}

bool patch_access_holds(void)
{
    return bracket.active;
}

bool patch_access_abandon(struct thread *thread)
{
    if (!bracket.active)
        return false;
    bracket.active = false;
    words_unlock();
    thread->busy = 0;
    return true;
}

/* ---- system calls ---- */

/* What a futex call does to its word, beside the waiting: to wake is to release. */
static bool futex_wakes(uint32_t operation)
{
    switch (operation & (uint32_t)FUTEX_CMD_MASK) {
    case FUTEX_WAKE:
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
    case FUTEX_WAKE_OP:
    case FUTEX_UNLOCK_PI:
    case FUTEX_WAKE_BITSET:
    case FUTEX_CMP_REQUEUE_PI:
        return true;
    default:
        return false;
    }
}

void system_call_before(struct system_call *call, long number, uintptr_t first, uintptr_t second)
{
    *call = (struct system_call){.number = number};
    if (number != SYS_futex)
        return;
    call->word = first;
    call->operation = (uint32_t)second;
    struct thread *thread = enter();
    if (!thread)
        return;
    patch_mark(first, sizeof(uint32_t));
    if (!access_alone() && futex_wakes(call->operation)) {
        struct object *object = object_get(thread, granule_of(first), TRACE_OBJECT_ATOMIC);
        if (object)
            clock_release_join(thread, object);
    }
    thread_leave(thread);
}

void system_call_after(const struct system_call *call, long result, uintptr_t pc)
{
    (void)result; /* also where it does not wait: the kernel has read the word */
    if (call->number != SYS_futex || futex_wakes(call->operation))
        return;
    struct thread *thread = enter();
    if (!thread)
        return;
    struct object *object = object_find(thread, granule_of(call->word), TRACE_OBJECT_ATOMIC);
    if (object) {
        object_lock(object);
        clock_acquire(thread, object, pc);
        object_unlock(object);
    }
    thread_leave(thread);
}

void patch_syscall_before(const struct patch_frame *frame, uintptr_t pc)
{
    (void)pc;
    outside_system_before((long)frame->rax);
    system_call_before(&patch_thread.call, (long)frame->rax, frame->rdi, frame->rsi);
}

void patch_syscall_after(const struct patch_frame *frame, uintptr_t pc)
{
    system_call_after(&patch_thread.call, (long)frame->rax, pc);
    outside_system_after(patch_thread.call.number);
}
