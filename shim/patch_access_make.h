/*
 * What the tests of patch_access.c stand in for: the rest of the recorder, and a program with its accesses. Included once,
 * after patch_access.c.
 */
#ifndef SHIM_PATCH_ACCESS_MAKE_H
#define SHIM_PATCH_ACCESS_MAKE_H

#include "shim/clock_model.h"

/* ---- the rest of the recorder ---- */

__thread struct patch_thread patch_thread = PATCH_THREAD_NEW;
__thread struct access_fast access_fast;
static struct filter_entry nothing = ACCESS_NOTHING;
static uint64_t no_frames[2];
static uint32_t no_guard[2] = ACCESS_NO_GUARD;
struct table table_tasks;
volatile uint32_t patch_on = 1;

void outside_system_before(long number)
{
    (void)number;
}

void outside_system_after(long number)
{
    (void)number;
}
bool patch_nests;
static bool home;

bool patch_home(void)
{
    return home;
}

static uintptr_t forgotten[8];
static uint32_t forgotten_count;
static uintptr_t
    mark_meanwhile; /* another thread marks this byte while an access to it is recorded */
static struct stack_registers unwound;
static struct {
    uintptr_t line;
    uint64_t mask;
    uint32_t kind;
    uint64_t segment;
} lines[8];
static uint32_t line_count;

bool stack_known(struct thread *thread, uintptr_t function, uintptr_t sp, uint32_t *id)
{
    (void)thread, (void)function, (void)sp, (void)id;
    return false;
}

uint32_t stack_of(struct thread *thread, uintptr_t function, uintptr_t pc,
                  const struct stack_registers *registers)
{
    (void)thread, (void)function, (void)pc;
    unwound = *registers;
    if (patch_nests) /* the C library's own checks */
        memset(&patch_thread, 0x55, sizeof patch_thread);
    return 1;
}

void vector_keep(void (*function)(void *), void *data, void *stack)
{
    (void)stack;
    function(data);
}

void access_line(struct thread *thread, uintptr_t line, uint64_t mask, uint32_t kind, uintptr_t pc)
{
    (void)pc;
    lines[line_count].line = line;
    lines[line_count].mask = mask;
    lines[line_count].kind = kind;
    lines[line_count++].segment = thread->segment;
}

uint32_t access_record_of(struct thread *thread, struct access_state *state, uintptr_t address,
                          const struct patch_site *site, uint32_t number, uint32_t stack)
{
    (void)state, (void)number, (void)stack;
    access_record(thread, address, site->size, site->kind, site->pc + 1);
    if (mark_meanwhile)
        mark_set(mark_meanwhile, 1);
    mark_meanwhile = 0;
    return 0;
}

static uint32_t contexts_asked;
uint32_t access_context_of(struct thread *thread, struct access_state *state, uint32_t stack)
{
    assert_true(thread->busy);
    assert_ptr_equal(state, thread->access);
    contexts_asked++;
    return stack + 6;
}

void access_forget_everywhere(uintptr_t line)
{
    forgotten[forgotten_count++] = line;
}

/* ---- what a program does ---- */

#define TRACE_KIND_OF(size) ((uint32_t)__builtin_ctz(size) << 4)

static struct {
    uint8_t room[128];
    struct patch_frame frame;
} stack;
static uint8_t memory[4096] __attribute__((aligned(64)));

static struct patch_site site_of(uint32_t size, uint32_t flags, uint32_t details)
{
    return (struct patch_site){.pc = 0x1000,
                               .size = (uint16_t)size,
                               .kind = (uint8_t)(flags | TRACE_KIND_OF(size)),
                               .details = (uint16_t)details};
}

/* True: it was bracketed. */
static bool plain_at(uint32_t at, uint32_t size, uint32_t flags, uint32_t details)
{
    struct patch_site site = site_of(size, flags, details);
    patch_thread.address = (uintptr_t)memory + at;
    if (!patch_access(&site, &stack.frame))
        return false;
    assert_true(thread_current->busy);
    patch_access_after(&site, &stack.frame);
    assert_false(thread_current->busy);
    return true;
}

static bool plain(uint32_t at, uint32_t size, uint32_t flags)
{
    return plain_at(at, size, flags, PATCH_BRACKET);
}

#define LOAD  0
#define STORE TRACE_KIND_WRITE
#define BOTHS (TRACE_KIND_WRITE | TRACE_KIND_BOTH)

static void locked(uint32_t at, uint32_t size)
{
    struct patch_site site = site_of(size, TRACE_KIND_WRITE | TRACE_KIND_ATOMIC, 0);
    patch_thread.address = (uintptr_t)memory + at;
    patch_lock_before(&site, &stack.frame);
    patch_lock_after(&site, &stack.frame);
    assert_false(thread_current->busy);
}

static void compare_exchange(uint32_t at, uint32_t size, bool succeeds)
{
    struct patch_site site = site_of(size, TRACE_KIND_WRITE | TRACE_KIND_ATOMIC, PATCH_COMPARES);
    patch_thread.address = (uintptr_t)memory + at;
    patch_lock_before(&site, &stack.frame);
    stack.frame.flags = succeeds ? ZERO_FLAG : 0;
    patch_lock_after(&site, &stack.frame);
}

static int start(void **state)
{
    access_fast = (struct access_fast)ACCESS_FAST_EMPTY(nothing, no_frames, no_guard, NULL);
    table_tasks.count = 10;
    line_count = forgotten_count = flush_count = 0;
    mark_stack = (struct mark_stack){NOT_DUE, NOT_DUE, 0};
    mark_clear((uintptr_t)memory, sizeof memory);
    memset(&stack, 0, sizeof stack);
    return begin(state);
}

#endif
