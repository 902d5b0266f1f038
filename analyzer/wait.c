/*
 * The wait-for graph: see wait.h. A least fixed point: at first only tasks that run can go on, then
 * those whose wait one of these can end, until nothing changes. What is left over is stuck, cycles
 * included.
 */
#include "analyzer/wait.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

#define HOLDERS_MAX 256u
#define CASES_MAX   TRACE_STACK_DEPTH
#define OBJECTS_MAX \
    4096u /* waited for at the end, whose users are looked up; with 10,000 tasks 5 MB */

/* ---- what a task waits for ---- */

/* Every task can reach it. */
static bool is_static(const struct trace *trace, uint32_t id)
{
    const struct trace_object *object = trace_object(trace, id);
    return object && trace_module_at(trace, object->address, 0);
}

/* ---- who used an object ---- */

static uint32_t object_index(const struct wait_graph *graph, uint32_t object)
{
    uint32_t low = 0, high = graph->object_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (graph->objects[middle] < object)
            low = middle + 1;
        else
            high = middle;
    }
    return low < graph->object_count && graph->objects[low] == object ? low : UINT32_MAX;
}

static void bit_add(struct wait_graph *graph, uint64_t *bits, uint32_t object, uint32_t task)
{
    uint32_t index = object_index(graph, object);
    if (index == UINT32_MAX || !task || task >= graph->task_count)
        return;
    bits[(size_t)index * graph->words + task / 64] |= UINT64_C(1) << (task % 64);
}

static bool bit_has(const struct wait_graph *graph, const uint64_t *bits, uint32_t object,
                    uint32_t task)
{
    uint32_t index = object_index(graph, object);
    if (index == UINT32_MAX || task >= graph->task_count)
        return false;
    return bits[(size_t)index * graph->words + task / 64] >> (task % 64) & 1;
}

bool wait_used(const struct wait_graph *graph, uint32_t id, uint32_t task)
{
    const struct trace_object *object = trace_object(graph->trace, id);
    if (!object)
        return false;
    return bit_has(graph, graph->users, id, task) ||
           (object->mutex && bit_has(graph, graph->users, object->mutex, task));
}

static int number_compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The objects that a task waits for: one, or those of a select's cases. */
static uint32_t wait_objects(const struct wait_graph *graph, uint32_t self, uint32_t *objects)
{
    uint32_t count = 0;
    const struct trace_task *task = &graph->trace->tasks[self];
    bool select = task->list && task->kind != TRACE_TASK_GOROUTINE;
    const uint64_t *words = select ? trace_stack(graph->trace, task->list, &count) : NULL;
    if (!words || count > CASES_MAX) {
        objects[0] = graph->waits[self].object;
        return 1;
    }
    for (uint32_t i = 0; i < count; i++)
        objects[i] = (uint32_t)(words[i] >> 1);
    return count;
}

static void objects_collect(struct wait_graph *graph)
{
    const struct trace *trace = graph->trace;
    uint32_t capacity = 0, count = 0;
    for (uint32_t t = 1; t < graph->task_count && count < OBJECTS_MAX; t++) {
        enum wait_kind kind = graph->waits[t].kind;
        if (kind != WAIT_WAKE && kind != WAIT_MEET)
            continue;
        uint32_t cases[CASES_MAX], case_count = wait_objects(graph, t, cases);
        for (uint32_t i = 0; i < case_count; i++) {
            MEMORY_GROW(graph->objects, count, capacity);
            graph->objects[count++] = cases[i];
        }
        const struct trace_object *object = trace_object(trace, graph->waits[t].object);
        if (!object || !object->mutex)
            continue;
        MEMORY_GROW(graph->objects, count, capacity);
        graph->objects[count++] = object->mutex;
    }
    if (!count)
        return;
    qsort(graph->objects, count, sizeof(*graph->objects), number_compare);
    for (uint32_t i = 0; i < count; i++)
        if (!i || graph->objects[i] != graph->objects[graph->object_count - 1])
            graph->objects[graph->object_count++] = graph->objects[i];
}

static bool waits_for(const struct wait_graph *graph, uint32_t task, uint32_t object,
                      enum wait_kind kind)
{
    uint32_t cases[CASES_MAX], count = wait_objects(graph, task, cases);
    for (uint32_t i = 0; i < count && graph->waits[task].kind == kind; i++)
        if (cases[i] == object)
            return true;
    return false;
}

/* Whether nobody has used an object but who ended the program and who waits for it. */
static bool is_idle(const struct wait_graph *graph, uint32_t id)
{
    const struct trace_object *object = trace_object(graph->trace, id);
    uint32_t index = object_index(graph, id);
    uint32_t mutex = object && object->mutex ? object_index(graph, object->mutex) : UINT32_MAX;
    for (uint32_t word = 0; word < graph->words; word++) {
        uint64_t users = graph->users[(size_t)index * graph->words + word];
        if (mutex != UINT32_MAX)
            users |= graph->users[(size_t)mutex * graph->words + word];
        for (; users; users &= users - 1) {
            uint32_t task = word * 64 + (uint32_t)__builtin_ctzll(users);
            if (task != graph->ender && !waits_for(graph, task, id, WAIT_WAKE))
                return false;
        }
    }
    return true;
}

static void users_collect(struct wait_graph *graph)
{
    const struct trace *trace = graph->trace;
    size_t rows = graph->object_count;
    graph->answers = memory_get(graph->task_count, sizeof(*graph->answers));
    for (uint32_t i = 1; i < trace->object_count; i++) {
        const struct trace_object *object = &trace->objects[i];
        uint32_t task = object->last_post_task;
        if (task < graph->task_count && object->last_post_tsc > graph->answers[task])
            graph->answers[task] = object->last_post_tsc;
    }
    graph->words = graph->task_count / 64 + 1;
    graph->users = memory_get(rows * graph->words, sizeof(uint64_t));
    graph->wakers = memory_get(rows * graph->words, sizeof(uint64_t));
    for (uint32_t i = 0; i < graph->object_count; i++) {
        const struct trace_object *object = trace_object(trace, graph->objects[i]);
        if (!object)
            continue;
        const uint32_t tasks[] = {object->create_task, object->owner, object->last_owner,
                                  object->last_post_task, object->unheard_task};
        for (size_t j = 0; j < sizeof(tasks) / sizeof(tasks[0]); j++)
            bit_add(graph, graph->users, graph->objects[i], tasks[j]);
        /* One signal that nobody heard woke nobody; who signals again and again hands out work. */
        if (object->posts > 1 || object->posts > object->unheard)
            bit_add(graph, graph->wakers, graph->objects[i], object->last_post_task);
    }
    for (uint32_t t = 1; t < graph->task_count; t++)
        if (graph->waits[t].kind != WAIT_NOT) {
            uint32_t cases[CASES_MAX], count = wait_objects(graph, t, cases);
            for (uint32_t i = 0; i < count; i++)
                bit_add(graph, graph->users, cases[i], t);
        }
    for (uint32_t stream = 0; stream < trace->stream_count && graph->object_count; stream++) {
        struct sync_cursor cursor;
        struct trace_sync record;
        sync_open(&cursor, trace, stream);
        while (sync_next(&cursor, &record)) {
            if (record.type != TRACE_SYNC_EDGE)
                continue;
            bit_add(graph, graph->users, record.object, record.task);
            bit_add(graph, graph->users, record.object, record.from);
            bit_add(graph, graph->wakers, record.object, record.from);
        }
    }
    graph->ends = memory_get(graph->object_count, sizeof(*graph->ends));
    graph->idle = memory_get(graph->object_count, sizeof(*graph->idle));
    for (uint32_t i = 0; i < graph->object_count; i++)
        graph->idle[i] = is_idle(graph, graph->objects[i]);
}

static void waiting_count(struct wait_graph *graph)
{
    graph->waiting = memory_get(graph->trace->object_count, sizeof(*graph->waiting));
    for (uint32_t t = 1; t < graph->task_count; t++) {
        const struct wait *wait = &graph->waits[t];
        if ((wait->kind == WAIT_WAKE || wait->kind == WAIT_MEET) &&
            wait->object < graph->trace->object_count)
            graph->waiting[wait->object]++;
    }
}

/* ---- who can go on ---- */

/* Who puts something into it has not been woken by that: it waits for room. */
static bool is_conduit(const struct trace_object *facts)
{
    return facts->kind == TRACE_OBJECT_PIPE || facts->kind == TRACE_OBJECT_SOCKET ||
           facts->kind == TRACE_OBJECT_EVENTFD || facts->kind == TRACE_OBJECT_QUEUE ||
           facts->kind == TRACE_OBJECT_CHANNEL;
}

/*
 * A worker for which there never was any work: it began to wait on a condition that nobody ever
 * signalled, or to read what nobody ever wrote, or, detached, for a semaphore that nobody posted
 * (node's thread that a handler of SIGUSR1 would wake), without having woken anybody itself, and
 * only who ended the program and others that wait there too know of it.
 */
static bool never_worked(const struct wait_graph *graph, uint32_t self, uint32_t object)
{
    const struct trace_object *facts = trace_object(graph->trace, object);
    uint32_t verb = trace_primitives[graph->trace->tasks[self].primitive % PRIMITIVE_COUNT].verb;
    bool reads = is_conduit(facts) && verb != VERB_SEND_ID && verb != VERB_GIVE_ID;
    bool detached = graph->trace->tasks[self].flags & TRACE_TASK_DETACHED;
    bool waits =
        facts->kind == TRACE_OBJECT_COND || (facts->kind == TRACE_OBJECT_SEMAPHORE && detached);
    if ((!waits && !reads) || graph->answers[self])
        return false;
    uint32_t cases[CASES_MAX], count = wait_objects(graph, self, cases);
    for (uint32_t i = 0; i < count; i++) { /* of a select: by none of them */
        const struct trace_object *other = trace_object(graph->trace, cases[i]);
        if (other && other->posts)
            return false;
    }
    uint32_t index = object_index(graph, object);
    return index == UINT32_MAX || graph->idle[index];
}

/*
 * Does `waker`, which can go on, count as one that may wake the task `self`? When the program has
 * ended itself, nobody will; then the question is whether the waiting is by design: some task that
 * is still there woke others by this object before (workers that wait for work), or at least used
 * it and is at work.
 */
static bool may_wake(const struct wait_graph *graph, uint32_t self, uint32_t object, uint32_t waker,
                     bool sure)
{
    const struct trace_object *facts = trace_object(graph->trace, object);
    /* A channel that is told of has an end, which somebody has to close or to serve to the last. */
    if (!sure && graph->orderly && waker == graph->ender && facts &&
        facts->kind == TRACE_OBJECT_CHANNEL)
        return never_worked(graph, self, object);
    /* Nor has a wait group anything to do but to come to zero. */
    if (!sure && graph->orderly && waker == graph->ender && facts &&
        facts->kind == TRACE_OBJECT_WAITGROUP)
        return false;
    if (sure || bit_has(graph, graph->wakers, object, waker))
        return true;
    if (facts->last_post_task == waker && facts->last_post_tsc < graph->answers[self])
        return true; /* it did not need to hear the signal to do its work, and said so */
    /* Only the last one to signal is known. If that was the waiter, which cannot have woken itself,
     * and it was woken before, then somebody else who uses the object did. */
    if (facts->last_post_task == self && !is_conduit(facts) && facts->posts > facts->unheard &&
        wait_used(graph, object, waker))
        return true;
    if (graph->orderly && waker == graph->ender)
        return never_worked(graph, self, object);
    if (graph->orderly)
        return wait_used(graph, object, waker);
    return is_static(graph->trace, object) || wait_used(graph, object, waker);
}

/*
 * Its wake-up has come, but the program ended before it ran again: a count is left; a signal came after the wait began,
 * and more tasks wait than are still to be signalled; its round of the barrier is complete. Which one of several waiters
 * a wake-up meant is not known: then none of them is stuck for sure.
 */
static bool on_its_way(const struct wait_graph *graph, uint32_t self)
{
    const struct trace_task *task = &graph->trace->tasks[self];
    const struct trace_object *object = trace_object(graph->trace, task->object);
    if (task->flags & TRACE_TASK_READY)
        return true;
    if (!object || object->value < 0)
        return false;
    uint64_t value = (uint64_t)object->value;
    switch (object->kind) {
    case TRACE_OBJECT_SEMAPHORE:
        return value > 0;
    case TRACE_OBJECT_BARRIER:
        return value && task->wait_value && task->wait_value <= object->posts / value;
    case TRACE_OBJECT_COND:
        return graph->waiting[task->object] > value && object->last_post_tsc > task->since_tsc;
    default:
        return false;
    }
}

static bool woken(const struct wait_graph *graph, uint32_t self, bool sure)
{
    if (on_its_way(graph, self))
        return true;
    uint32_t cases[CASES_MAX], count = wait_objects(graph, self, cases);
    for (uint32_t k = 0; k < count; k++) {
        const struct trace_object *object = trace_object(graph->trace, cases[k]);
        if (object && object->state != TRACE_OBJECT_LIVE)
            continue;
        for (uint32_t i = 0; i < graph->goer_count; i++)
            if (graph->goers[i] != self && may_wake(graph, self, cases[k], graph->goers[i], sure))
                return true;
    }
    return false;
}

static bool met(const struct wait_graph *graph, uint32_t self)
{
    uint32_t id = graph->trace->tasks[self].object;
    const struct trace_object *object = trace_object(graph->trace, id);
    uint64_t parties = object && object->value > 0 ? (uint64_t)object->value : 0;
    if (on_its_way(graph, self))
        return true;
    if (object && object->state != TRACE_OBJECT_LIVE)
        return false;
    if (!graph->orderly && graph->goer_count)
        return true; /* it may even start others */
    uint64_t there = object ? graph->waiting[id] : 0;
    for (uint32_t i = 0; i < graph->goer_count && there < parties; i++)
        there +=
            graph->goers[i] != graph->ender && !waits_for(graph, graph->goers[i], id, WAIT_MEET);
    return there >= parties;
}

static bool unlocked(const struct wait_graph *graph, uint32_t self)
{
    uint32_t holders[HOLDERS_MAX];
    uint32_t object = graph->waits[self].object;
    const struct trace_object *facts = trace_object(graph->trace, object);
    if (facts && (facts->state != TRACE_OBJECT_LIVE || facts->flags & TRACE_OBJECT_PARENT_HELD))
        return false;
    /* In Go main does not come back to unlock what it holds; nor is a lock another task's to give up. */
    bool left = facts && facts->flags & TRACE_OBJECT_GO && graph->orderly;
    uint32_t count = wait_holders(graph, object, holders, HOLDERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (holders[i] >= graph->task_count || !graph->goes[holders[i]] ||
            (left && holders[i] == graph->ender))
            return false;
    return true;
}

/* Of a goroutine on a channel and the like. `sure`: not even the program's variables lead there. */
static bool go_woken(const struct wait_graph *graph, uint32_t self, bool sure)
{
    const struct trace_task *task = &graph->trace->tasks[self];
    if (task->flags & TRACE_TASK_REACHED_BY)
        return true;
    if (task->flags & (TRACE_TASK_REACH_KNOWN | TRACE_TASK_REACHED))
        return sure && task->flags & TRACE_TASK_REACHED;
    if (graph->trace->process.flags & TRACE_PROCESS_ASLEEP)
        return false;
    /* Not looked up: a timer of Go's, or C, may lead there for all that is known. */
    return (sure && task->kind == TRACE_TASK_GOROUTINE) || graph->going > 0;
}

static bool polls(const struct wait_graph *graph, uint32_t self)
{
    uint32_t primitive = graph->trace->tasks[self].primitive;
    return trace_primitives[primitive % PRIMITIVE_COUNT].verb == VERB_POLL_ID;
}

/*
 * Is there somebody at the other end, and is everybody there stuck? Who only waits for it as well is at this end. Asked for
 * each of perhaps very many who wait: answered anew only when more can go on.
 */
static bool end_is_stuck(const struct wait_graph *graph, uint32_t object)
{
    uint32_t index = object_index(graph, object);
    if (index == UINT32_MAX)
        return false;
    struct wait_end *end = &graph->ends[index];
    if (end->asked == graph->goer_count + 1)
        return end->stuck;
    end->asked = graph->goer_count + 1;
    end->stuck = false;
    for (uint32_t t = 1; t < graph->task_count; t++) {
        if (!graph->waits[t].alive || !bit_has(graph, graph->users, object, t))
            continue;
        if (graph->goes[t])
            return end->stuck = false;
        end->stuck |= !waits_for(graph, t, object, WAIT_WAKE);
    }
    return end->stuck;
}

/* In poll, select or epoll: by design while anything goes on at all, unless it is known of each of them who is to end it. */
static bool poll_ends(const struct wait_graph *graph, uint32_t self)
{
    uint32_t cases[CASES_MAX], count = wait_objects(graph, self, cases);
    for (uint32_t k = 0; k < count; k++) {
        const struct trace_object *object = trace_object(graph->trace, cases[k]);
        bool there = object && object->state == TRACE_OBJECT_LIVE;
        if (there && !end_is_stuck(graph, cases[k]))
            return woken(graph, self, true);
    }
    return on_its_way(graph, self);
}

static bool goes_on(const struct wait_graph *graph, uint32_t self, bool sure)
{
    const struct wait *wait = &graph->waits[self];
    switch (wait->kind) {
    case WAIT_NOT:
    case WAIT_TIMED:
    case WAIT_OTHER:
        return true;
    case WAIT_LOCK:
        return unlocked(graph, self);
    case WAIT_TASK:
        return !wait->blocker || graph->goes[wait->blocker] || !graph->waits[wait->blocker].alive;
    case WAIT_WAKE:
        return !sure && polls(graph, self) ? poll_ends(graph, self) : woken(graph, self, sure);
    case WAIT_MEET:
        return met(graph, self);
    case WAIT_FIBER:
        return graph->goer_count > 0; /* whoever runs may switch to it */
    case WAIT_GO:
        return go_woken(graph, self, sure);
    }
    return true;
}

static bool of_program(const struct wait_graph *graph, uint32_t id)
{
    const struct trace_task *task = &graph->trace->tasks[id];
    return task->kind == TRACE_TASK_GOROUTINE && !(task->flags & TRACE_TASK_SYSTEM) &&
           !(graph->orderly && id == graph->ender);
}

static void fixed_point(struct wait_graph *graph, bool sure)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t t = 1; t < graph->task_count; t++) {
            if (graph->goes[t] || !graph->waits[t].alive || !goes_on(graph, t, sure))
                continue;
            graph->goes[t] = changed = true;
            graph->goers[graph->goer_count++] = t;
            graph->going += of_program(graph, t);
        }
    }
}

/* Of several holders the one that explains most: one that is stuck, else one that has ended. */
static uint32_t lock_blocker(const struct wait_graph *graph, uint32_t object)
{
    uint32_t holders[HOLDERS_MAX], best = 0;
    uint32_t count = wait_holders(graph, object, holders, HOLDERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (holders[i] >= graph->task_count)
            continue;
        if (graph->waits[holders[i]].stuck)
            return holders[i];
        if (!best || !graph->waits[holders[i]].alive)
            best = holders[i];
    }
    return best;
}

/* A Go program that was ended by a panic, or by its runtime: nobody had the chance to wake others. */
static bool crashed(const struct trace *trace)
{
    const struct trace_task *ender = trace_task(trace, trace->process.end_task);
    return trace->process.flags & TRACE_PROCESS_ASLEEP ||
           (ender && ender->flags & (TRACE_TASK_PANICKED | TRACE_TASK_THREW));
}

struct wait_graph *wait_build(const struct trace *trace)
{
    struct wait_graph *graph = memory_get(1, sizeof(*graph));
    graph->trace = trace;
    graph->task_count = trace->task_count;
    graph->waits = memory_get(trace->task_count, sizeof(*graph->waits));
    enum trace_end end = (enum trace_end)trace->process.end;
    graph->orderly = (end == TRACE_END_EXIT || end == TRACE_END_QUICK || end == TRACE_END_UNDER) &&
                     !crashed(trace);
    /* Not known if the last thing that the program called was not exit(): main returned. */
    if (graph->orderly)
        graph->ender = trace->process.end_task ? trace->process.end_task : 1;
    for (uint32_t t = 1; t < graph->task_count; t++)
        graph->waits[t] = wait_classify(trace, &trace->tasks[t]);
    wait_holdings_collect(graph);
    objects_collect(graph);
    users_collect(graph);
    waiting_count(graph);
    graph->goes = memory_get(graph->task_count, sizeof(*graph->goes));
    graph->goers = memory_get(graph->task_count, sizeof(*graph->goers));
    fixed_point(graph, false);
    for (uint32_t t = 1; t < graph->task_count; t++)
        graph->waits[t].stuck = graph->waits[t].alive && !graph->goes[t];
    fixed_point(graph, true); /* more wakers: what went on before still does */
    for (uint32_t t = 1; t < graph->task_count; t++) {
        graph->waits[t].sure = graph->waits[t].alive && !graph->goes[t];
        if (graph->waits[t].kind == WAIT_LOCK)
            graph->waits[t].blocker = lock_blocker(graph, graph->waits[t].object);
    }
    return graph;
}

void wait_free(struct wait_graph *graph)
{
    if (!graph)
        return;
    free(graph->waits);
    free(graph->holdings);
    free(graph->objects);
    free(graph->users);
    free(graph->wakers);
    free(graph->answers);
    free(graph->idle);
    free(graph->ends);
    free(graph->waiting);
    free(graph->goes);
    free(graph->goers);
    free(graph);
}
