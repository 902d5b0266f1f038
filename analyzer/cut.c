/*
 * See cut.h.
 */
#include "analyzer/cut.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

/* What only another task of the process does away with. */
#define KIND(kind) (1u << TRACE_OBJECT_##kind)
#define BY_TASKS                                                                              \
    (KIND(MUTEX) | KIND(RWLOCK) | KIND(COND) | KIND(BARRIER) | KIND(SEMAPHORE) | KIND(TASK) | \
     KIND(FUTEX))

/* Does it wait for such a thing? It has begun a segment for that, in which it has done nothing yet (the recorder's
 * task_block, under digest=). */
static bool sleeps(const struct trace *trace, const struct trace_task *task)
{
    if (task->state != TRACE_TASK_BLOCKED || task->kind != TRACE_TASK_THREAD ||
        task->flags & TRACE_TASK_TIMED)
        return false;
    const struct trace_object *object = trace_object(trace, task->object);
    return object && object->kind < 32 && 1u << object->kind & BY_TASKS;
}

void cut_look(struct cut *cut, const struct trace *trace, uint64_t now)
{
    uint32_t old = cut->count, count = trace->task_count;
    cut->sleeps = memory_resize(cut->sleeps, count, sizeof(*cut->sleeps));
    cut->since = memory_resize(cut->since, count, sizeof(*cut->since));
    cut->count = count;
    for (uint32_t t = 0; t < count; t++) {
        uint64_t segment = sleeps(trace, &trace->tasks[t]) ? trace->tasks[t].segment : 0;
        if (t < old && cut->sleeps[t] == segment)
            continue;
        cut->sleeps[t] = segment;
        cut->since[t] = now;
    }
}

/* ---- drafts ---- */

static void forget(struct order_cut *cut)
{
    free(cut->base);
    free(cut->next);
    free(cut->asleep);
}

static void drop(struct cut *cut, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        forget(&cut->drafts[i].cut);
    cut->draft_count -= count;
    memmove(cut->drafts, cut->drafts + count, cut->draft_count * sizeof(*cut->drafts));
}

/* Do all that the draft leaves out sleep on? */
static bool holds(const struct cut *cut, const struct order_cut *draft)
{
    for (uint32_t t = 0; t < draft->count; t++)
        if (draft->asleep[t] && cut->sleeps[t] != draft->next[t])
            return false;
    return true;
}

/* Between two drafts, so that one of nearly the right age is always there. */
static uint64_t gap(const struct cut *cut)
{
    return cut->patience / (CUT_DRAFTS / 2);
}

static void draft(struct cut *cut, uint32_t tasks, struct race_worker *worker, uint64_t now)
{
    uint64_t *long_asleep = memory_get(tasks, sizeof(*long_asleep));
    for (uint32_t t = 0; t < tasks && t < cut->count; t++)
        if (now - cut->since[t] >= cut->patience)
            long_asleep[t] = cut->sleeps[t];
    if (cut->draft_count == CUT_DRAFTS)
        drop(cut, 1);
    struct cut_draft draft = {.drafted_at = now};
    if (race_worker_cut(worker, long_asleep, &draft.cut)) {
        for (uint32_t t = 0; t < draft.cut.count; t++)
            draft.leaves_out |= draft.cut.asleep[t];
        cut->drafts[cut->draft_count++] = draft;
    } else {
        forget(&draft.cut);
    }
    free(long_asleep);
}

void cut_make(struct cut *cut, struct order *order, struct race_worker *worker, enum cut_need need,
              uint64_t now)
{
    for (uint32_t i = cut->draft_count; i-- > 0;) {
        if (holds(cut, &cut->drafts[i].cut))
            continue;
        drop(cut, i + 1);
        break;
    }
    uint32_t last = cut->draft_count - 1;
    if (!cut->draft_count || now - cut->drafts[last].drafted_at >= gap(cut))
        draft(cut, order->task_count, worker, now);
    for (uint32_t i = cut->draft_count; need == CUT_NOW && i-- > 0;) {
        const struct cut_draft *ready = &cut->drafts[i];
        if (ready->leaves_out && now - ready->drafted_at < cut->patience)
            continue;
        /* Later drafts leave out at least as many tasks, which have slept longer, and are good for later. */
        order_retire(order, &ready->cut);
        drop(cut, i + 1);
        cut->made_at = now;
        break;
    }
}

enum cut_need cut_need(const struct cut *cut, const struct race_worker *worker, uint64_t now)
{
    const struct race_history *history = &worker->history;
    uint64_t used = history->line_count + history->pool_entries;
    if (used < history->sweep_at / 2)
        return CUT_LATER;
    return used >= history->sweep_at / 8 * 7 && now - cut->made_at >= gap(cut) ? CUT_NOW : CUT_SOON;
}

void cut_free(struct cut *cut)
{
    drop(cut, cut->draft_count);
    free(cut->sleeps);
    free(cut->since);
}
