/*
 * A heap of a few objects, with goroutines that are played: for the tests of go_reach.c and go_finalizer.c, which include
 * this once.
 */
#ifndef SHIM_GO_HEAP_MAKE_H
#define SHIM_GO_HEAP_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/go_search.c"

#include "shim/go_finalizer.c"
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
    uint8_t finalizer;
} gs[GOROUTINES + 1];
static struct go_halted halted[GOROUTINES + 1];
static uint64_t stacks[GOROUTINES + 1][64];

/* Half of the heap holds pointers. */
static uint64_t heap[OBJECTS][WORDS] __attribute__((aligned(4096)));
static struct special {
    struct special *next;
    uint16_t offset;
    uint8_t kind;
    uint64_t function;
} specials[8];
static struct span {
    uint64_t start, size;
    uint8_t class;
    struct special *specials;
} * spans; /* lies in memory of the system, as the list of all spans does */
static struct {
    uint64_t object, function;
    uint64_t types[2];
} * queue; /* entries of a block, from its word 4 */
static uint64_t variables_of_libgo[16] __attribute__((aligned(4096)));
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

void apart(void (*work)(void *), void *data)
{
    work(data);
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

static uint64_t *pages;

/* libgo's variables: something else, the list of all spans, and the queue's first block, which has been used up. */
static void finalizers_lie(void)
{
    uint64_t *list = pages + 512, *used = pages + 1024, *block = pages + 1536;
    list[0] = (uint64_t)&spans[0];
    list[1] = (uint64_t)&spans[1];
    used[0] = (uint64_t)block;
    queue = (void *)(block + 4);
    variables_of_libgo[2] = (uint64_t)heap;
    variables_of_libgo[5] = (uint64_t)list;
    variables_of_libgo[6] = variables_of_libgo[7] = 2;
    variables_of_libgo[9] = (uint64_t)used;
    go_layout.code_low = (uintptr_t)variables_of_libgo;
    go_layout.code_high = (uintptr_t)(variables_of_libgo + 16);
    go_layout.span_specials = offsetof(struct span, specials);
    go_layout.special_offset = offsetof(struct special, offset);
    go_layout.special_kind = offsetof(struct special, kind);
    go_layout.special_function = offsetof(struct special, function);
    go_layout.queue_count = 16;
    go_layout.queue_entries = 32;
    go_layout.entry_function = 8;
    go_layout.entry_size = sizeof *queue;
    memset(specials, 0, sizeof specials);
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
    go_layout.g_finalizer = offsetof(__typeof__(gs[0]), finalizer);
    go_layout.g_size = go_layout.m_size = go_layout.p_size = 4096;
    go_real.go_span = span_of;
    if (!pages)
        pages = memory_get(4 * 4096);
    memset(pages, 0, 4 * 4096);
    spans = (struct span *)pages;
    spans[0] = (struct span){(uint64_t)heap, sizeof heap[0], 0, NULL};
    spans[1] = (struct span){(uint64_t)heap + sizeof heap / 2, sizeof heap[0], 1, NULL};
    finalizers_lie();
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
    gs[n].context[OWN_RSP_WORD] = (uint64_t)stacks[n];
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

#endif
