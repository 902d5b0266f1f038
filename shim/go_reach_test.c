/*
 * The search of go_reach.c in a heap of a few objects, with goroutines that are played: who is found by whom, and what is
 * not followed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/go_reach.c"

#define OBJECTS    64u
#define GOROUTINES 6u
#define WORDS      8u /* of an object */

/* ---- the rest of the recorder ---- */

struct go_real go_real;
struct go_layout go_layout;
struct object *object_table;
struct table table_process, table_tasks, table_objects, table_stacks, table_modules;

static struct trace_task records[GOROUTINES + 1];
static struct object objects[OBJECTS];
static struct go goroutines[GOROUTINES + 1];
static struct {
    int64_t id;
    uint64_t status, deferred, panics, parameter;
    uint64_t context[CONTEXT_WORDS], call[CONTEXT_WORDS];
} gs[GOROUTINES + 1];
static struct go_halted halted[GOROUTINES + 1];
static uint64_t stacks[GOROUTINES + 1][64];

/* Half of the heap holds pointers. */
static uint64_t heap[OBJECTS][WORDS] __attribute__((aligned(4096)));
static struct span {
    uint64_t start, size;
    uint8_t class;
} spans[2];
static uint64_t variables_of_program[512] __attribute__((aligned(4096)));
static struct {
    uint8_t header[TRACE_TABLE_OFFSET];
    struct trace_module items[2];
} modules;
static struct {
    uint8_t header[TRACE_TABLE_OFFSET];
    uint64_t words[64];
} lists;

static void *span_of(uintptr_t address)
{
    uintptr_t at = address - (uintptr_t)heap;
    return at < sizeof heap ? &spans[at >= sizeof heap / 2] : NULL;
}

void *memory_get(size_t size)
{
    return raw_map(NULL, size, 3, 0x22, -1, 0);
}

struct trace_task *task_record(uint32_t task)
{
    return &records[task];
}

struct go *go_known(uintptr_t g)
{
    for (uint32_t i = 1; i <= GOROUTINES; i++)
        if (goroutines[i].task && goroutines[i].g == g)
            return &goroutines[i];
    return NULL;
}

void go_each(void (*visit)(struct go *go, void *data), void *data)
{
    for (uint32_t i = 1; i <= GOROUTINES; i++)
        visit(&goroutines[i], data);
}

bool go_parks(const struct go *go)
{
    return go->task != 0;
}

const struct go_halted *go_halt_find(uintptr_t g)
{
    for (uint32_t i = 1; i <= GOROUTINES; i++)
        if (halted[i].sp && goroutines[i].g == g)
            return &halted[i];
    return NULL;
}

/* ---- what is played ---- */

static void reach(const struct go *ender, uint64_t sp)
{
    go_reach(ender, sp);
    go_reach_end(true);
}

static int set_up(void **state)
{
    (void)state;
    memset(heap, 0, sizeof heap);
    memset(stacks, 0, sizeof stacks);
    memset(records, 0, sizeof records);
    memset(objects, 0, sizeof objects);
    memset(goroutines, 0, sizeof goroutines);
    memset(halted, 0, sizeof halted);
    memset(variables_of_program, 0, sizeof variables_of_program);
    go_layout.span_start = offsetof(struct span, start);
    go_layout.span_size = offsetof(struct span, size);
    go_layout.span_class = offsetof(struct span, class);
    go_layout.g_context = offsetof(__typeof__(gs[0]), context);
    go_layout.g_status = offsetof(__typeof__(gs[0]), status);
    go_layout.g_defer = offsetof(__typeof__(gs[0]), deferred);
    go_layout.g_panic = offsetof(__typeof__(gs[0]), panics);
    go_layout.g_parameter = offsetof(__typeof__(gs[0]), parameter);
    go_layout.g_call_registers = offsetof(__typeof__(gs[0]), call);
    go_layout.g_size = go_layout.m_size = go_layout.p_size = 4096;
    go_real.go_span = span_of;
    spans[0] = (struct span){(uint64_t)heap, sizeof heap[0], 0};
    spans[1] = (struct span){(uint64_t)heap + sizeof heap / 2, sizeof heap[0], 1};
    object_table = objects;
    table_stacks = (struct table){.base = (uint8_t *)&lists, .slot_size = 8};
    table_modules = (struct table){
        .base = (uint8_t *)&modules, .slot_size = sizeof(struct trace_module), .count = 2};
    modules.items[1] = (struct trace_module){.state = 1,
                                             .low = (uint64_t)variables_of_program,
                                             .high = (uint64_t)(variables_of_program + 512)};
    return 0;
}

static uint64_t object(uint32_t n)
{
    return (uint64_t)heap[n];
}

/* Goroutine n is there, in this state; nothing is on its stack. */
static struct trace_task *goroutine(uint32_t n, uint32_t task_state)
{
    goroutines[n] = (struct go){.g = (uintptr_t)&gs[n], .id = n, .task = n};
    memset(&gs[n], 0, sizeof gs[n]);
    gs[n].context[REG_RSP_WORD] = (uint64_t)stacks[n];
    records[n] = (struct trace_task){.state = task_state,
                                     .kind = TRACE_TASK_GOROUTINE,
                                     .stack_low = (uint64_t)stacks[n],
                                     .stack_high = (uint64_t)(stacks[n] + 64)};
    return &records[n];
}

/* It waits for the channel that is heap object `channel`. */
static void waits(uint32_t n, uint32_t channel)
{
    goroutine(n, TRACE_TASK_BLOCKED)->object = channel;
    objects[channel].shown.address = object(channel);
}

static void on_stack(uint32_t n, uint64_t word)
{
    stacks[n][17] = word;
}

/* What is known of goroutine n once all was looked at. */
static uint32_t found(uint32_t n)
{
    return records[n].flags & (TRACE_TASK_REACH_KNOWN | TRACE_TASK_REACHED | TRACE_TASK_REACHED_BY);
}
#define NOBODY   TRACE_TASK_REACH_KNOWN
#define SOMEBODY (TRACE_TASK_REACH_KNOWN | TRACE_TASK_REACHED_BY)
#define VARIABLE (TRACE_TASK_REACH_KNOWN | TRACE_TASK_REACHED)

static void nobody(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    on_stack(2, object(5)); /* it has it itself */
    reach(NULL, 0);
    assert_int_equal(found(2), NOBODY);
}

static void by_stack(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    on_stack(1, object(5) + 24); /* into the middle of it */
    waits(2, 5);
    goroutine(3, TRACE_TASK_CREATED);
    waits(4, 6);
    heap[7][3] = object(8); /* by two others */
    heap[8][7] = object(6);
    on_stack(3, object(7));
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(4), SOMEBODY);
}

static void by_register(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    gs[1].context[9] = object(5);
    waits(2, 5);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
}

/* One that runs has what its thread stands with, and nothing that it was switched away with once. */
static void by_thread(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    gs[1].status = STATUS_RUNS;
    gs[1].context[9] = object(6);
    stacks[1][3] = object(7);
    halted[1] = (struct go_halted){.sp = (uint64_t)(stacks[1] + 4), .count = 40};
    halted[1].words[39] = object(5);
    waits(2, 5);
    waits(3, 6);
    waits(4, 7);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(3), NOBODY);
    assert_int_equal(found(4), NOBODY);
}

/* One that is in C has what it went there with. */
static void by_call(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    gs[1].status = STATUS_CALL;
    gs[1].call[REG_RSP_WORD] = (uint64_t)stacks[1];
    gs[1].call[9] = object(5);
    gs[1].context[9] = object(6);
    waits(2, 5);
    waits(3, 6);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(3), NOBODY);
}

/* Deferred calls, a panic's value, what a goroutine that has not begun was given. */
static void beside_the_stack(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_CREATED);
    gs[1].deferred = object(5);
    gs[1].panics = object(6);
    gs[1].parameter = object(7);
    for (uint32_t n = 2; n <= 4; n++)
        waits(n, n + 3);
    reach(NULL, 0);
    for (uint32_t n = 2; n <= 4; n++)
        assert_int_equal(found(n), SOMEBODY);
}

/* One runs, and its thread could not be halted; or somebody ran in between. */
static void not_halted(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    gs[1].status = STATUS_RUNS;
    waits(2, 5);
    reach(NULL, 0);
    assert_int_equal(found(2), 0);
    gs[1].status = 0;
    go_reach(NULL, 0);
    go_reach_end(false);
    assert_int_equal(found(2), 0);
    reach(NULL, 0);
    assert_int_equal(found(2), NOBODY);
}

/* Who may be woken may wake others; two that wait for each other may not. */
static void woken(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    on_stack(1, object(5));
    waits(3, 5);
    on_stack(3, object(6));
    waits(2, 6);
    waits(4, 8);
    on_stack(4, object(9));
    waits(5, 9);
    on_stack(5, object(8));
    reach(NULL, 0);
    assert_int_equal(found(3), SOMEBODY);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(4), NOBODY);
    assert_int_equal(found(5), NOBODY);
}

/* A waiter in a channel's queue leads to its goroutine's channel; that is no way to it. */
static void of_the_runtime(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    heap[6][0] = (uint64_t)&gs[2];
    heap[6][1] = object(5);
    on_stack(1, object(6));
    reach(NULL, 0);
    assert_int_equal(found(2), NOBODY);
}

static void without_pointers(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    heap[OBJECTS - 1][0] = object(5);
    on_stack(1, object(OBJECTS - 1));
    reach(NULL, 0);
    assert_int_equal(found(2), NOBODY);
}

static void by_variable(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    waits(2, 5);
    waits(3, 6);
    waits(4, 7);
    variables_of_program[100] = object(5);
    on_stack(2, object(6)); /* it could be woken, and then ... */
    on_stack(1, object(7));
    reach(NULL, 0);
    assert_int_equal(found(2), VARIABLE);
    assert_int_equal(found(3), VARIABLE);
    assert_int_equal(found(4), SOMEBODY);
}

/* main has returned; a goroutine of the runtime serves nobody; one that has ended is no more. */
static void who_does_not_count(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 3; n++) {
        goroutine(n, n == 3 ? TRACE_TASK_ENDED : TRACE_TASK_RUNNING);
        on_stack(n, object(5));
    }
    records[2].flags = TRACE_TASK_SYSTEM;
    waits(4, 5);
    reach(&goroutines[1], 0);
    assert_int_equal(found(4), NOBODY);
}

/* Who ended the program, and has not returned: what is above its stack's end counts, no stale word below. Of others that run
 * the end is not known. */
static void how_far_a_stack_reaches(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        set_up(NULL);
        goroutine(1, TRACE_TASK_RUNNING);
        on_stack(1, object(5)); /* word 17 */
        gs[1].context[REG_RSP_WORD] = (uint64_t)(stacks[1] + 20);
        waits(4, 5);
        if (i == 0)
            reach(NULL, 0);
        else
            reach(&goroutines[1], (uint64_t)(stacks[1] + (i == 1 ? 18 : 17)));
        assert_int_equal(found(4), i == 1 ? NOBODY : SOMEBODY);
    }
}

/* A wait that ends by itself, and one for a signal. */
static void goes_on_by_itself(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_BLOCKED)->flags = TRACE_TASK_TIMED;
    on_stack(1, object(5));
    waits(2, 5);
    waits(3, 6);
    objects[6].shown.flags = TRACE_OBJECT_SHARED;
    on_stack(3, object(7));
    waits(4, 7);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(4), SOMEBODY);
}

/* One case of a select is enough. */
static void by_select(void **state)
{
    (void)state;
    goroutine(1, TRACE_TASK_RUNNING);
    on_stack(1, object(6));
    waits(2, 5);
    objects[6].shown.address = object(6);
    memcpy(lists.words, (uint64_t[]){0, 0, 2, 5 << 1, 6 << 1 | 1}, 40);
    records[2].object = 0;
    records[2].list = 2;
    waits(3, 7);
    memcpy(lists.words + 8, (uint64_t[]){1, 7 << 1}, 16);
    records[3].object = 0;
    records[3].list = 8;
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(3), NOBODY);
}

/* The thread that it ran on may have ended, and most of its stack with it. */
static void stack_gone(void **state)
{
    (void)state;
    uint64_t *pages = memory_get(3 * 4096);
    goroutine(1, TRACE_TASK_RUNNING);
    records[1].stack_low = (uint64_t)pages;
    records[1].stack_high = (uint64_t)pages + 3 * 4096;
    gs[1].context[REG_RSP_WORD] = (uint64_t)pages;
    pages[2 * 512 + 7] = object(5);
    raw2(SYS_munmap, pages, 2 * 4096);
    waits(2, 5);
    waits(3, 6);
    reach(NULL, 0);
    assert_int_equal(found(2), SOMEBODY);
    assert_int_equal(found(3), NOBODY);
    raw2(SYS_munmap, pages + 2 * 512, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nobody, set_up),
        cmocka_unit_test_setup(by_stack, set_up),
        cmocka_unit_test_setup(by_register, set_up),
        cmocka_unit_test_setup(by_thread, set_up),
        cmocka_unit_test_setup(by_call, set_up),
        cmocka_unit_test_setup(beside_the_stack, set_up),
        cmocka_unit_test_setup(not_halted, set_up),
        cmocka_unit_test_setup(woken, set_up),
        cmocka_unit_test_setup(of_the_runtime, set_up),
        cmocka_unit_test_setup(without_pointers, set_up),
        cmocka_unit_test_setup(by_variable, set_up),
        cmocka_unit_test_setup(who_does_not_count, set_up),
        cmocka_unit_test_setup(how_far_a_stack_reaches, set_up),
        cmocka_unit_test_setup(goes_on_by_itself, set_up),
        cmocka_unit_test_setup(by_select, set_up),
        cmocka_unit_test_setup(stack_gone, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
