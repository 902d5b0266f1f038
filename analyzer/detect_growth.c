/*
 * Places that make more and more goroutines: of those still there at the end, when was each made? Not all at once, as those
 * of a pool are, but all along from the first to the end. Only what waits within the program counts, or works: who waits for
 * the network serves somebody. If the goroutines are reported as blocked already, that finding gets the curve.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/analysis.h"
#include "analyzer/describe.h"
#include "analyzer/goroutine.h"
#include "analyzer/memory.h"

#define ALIVE_MIN   32u
#define SPAN_MIN_NS UINT64_C(100000000) /* from the first that is still there to the last */
#define FILLED_MIN  4u /* of FINDING_MOMENTS equal parts of that span, in which some were made */

struct made {
    uint64_t site; /* return address of the go statement, by whatever way it was come to */
    uint32_t task;
    uint64_t tsc;
};

static uint64_t site_of(const struct trace *trace, uint32_t id)
{
    uint32_t count = 0;
    const struct trace_task *task = trace_task(trace, id);
    const uint64_t *words = task ? trace_stack(trace, task->create_stack, &count) : NULL;
    return count ? words[0] : 0;
}

static int made_compare(const void *a, const void *b)
{
    const struct made *x = a, *y = b;
    if (x->site != y->site)
        return x->site < y->site ? -1 : 1;
    return (x->tsc > y->tsc) - (x->tsc < y->tsc);
}

static bool counts(const struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = &analysis->trace->tasks[id];
    if (task->kind != TRACE_TASK_GOROUTINE || task->flags & TRACE_TASK_SYSTEM ||
        !task->create_stack)
        return false;
    if (task->state == TRACE_TASK_BLOCKED)
        return trace_primitives[task->primitive % PRIMITIVE_COUNT].verb != VERB_NETPOLL_ID;
    return task->state == TRACE_TASK_RUNNING || task->state == TRACE_TASK_CREATED;
}

/* Fills the curve; false if it is none. */
static bool grows(const struct trace *trace, const struct made *made, uint32_t count,
                  struct finding_moment *curve)
{
    uint64_t first = trace_ns(trace, made[0].tsc), last = trace_ns(trace, made[count - 1].tsc);
    uint64_t end = trace_ns(trace, describe_end_tsc(trace)), span = last - first;
    uint32_t filled = 0, alive = 0;
    if (count < ALIVE_MIN || last <= first || span < SPAN_MIN_NS || end - last > span)
        return false;
    for (uint32_t i = 0; i < FINDING_MOMENTS; i++) {
        uint64_t until = first + span * (i + 1) / FINDING_MOMENTS;
        uint32_t before = alive;
        while (alive < count && trace_ns(trace, made[alive].tsc) <= until)
            alive++;
        filled += alive > before;
        curve[i] = (struct finding_moment){
            (double)(until - trace_ns(trace, trace->process.start_tsc)) / 1e9, alive};
    }
    curve[FINDING_MOMENTS - 1].alive = count;
    return filled >= FILLED_MIN;
}

/* The finding that tells of goroutines of this place. */
static struct finding *told(const struct analysis *analysis, uint64_t site)
{
    for (uint32_t i = 0; i < analysis->findings.count; i++) {
        struct finding *finding = analysis->findings.items[i];
        if (finding->kind != FINDING_BLOCKED && finding->kind != FINDING_LEAK)
            continue;
        for (uint32_t j = 0; j < finding->part_count; j++) {
            const struct part *part = &finding->parts[j];
            if (part->role == PART_TASK && site_of(analysis->trace, part->task) == site)
                return finding;
        }
    }
    return NULL;
}

static void part_state(const struct analysis *analysis, struct finding *finding, uint32_t id)
{
    const struct trace_task *task = &analysis->trace->tasks[id];
    char *state = describe_state(analysis, id);
    struct part *part = finding_part(
        finding, PART_EVENT, id,
        symbols_stack_id(analysis->symbols,
                         task->state == TRACE_TASK_BLOCKED ? task->wait_stack : task->exit_stack));
    finding_set(&part->text, "The first of them was %s at the end", state);
    free(state);
}

static struct finding *report(struct analysis *analysis, uint32_t id, uint32_t count)
{
    const struct trace_task *task = &analysis->trace->tasks[id];
    struct finding *finding = finding_new(FINDING_LEAK, FINDING_SUSPECTED, "growing");
    finding->object = describe_entry(analysis, id);
    if (!finding->object)
        finding->object = memory_text("goroutine");
    finding_set(&finding->summary,
                "One go statement made more and more goroutines: at the end %u of them were there",
                count);
    struct part *part = finding_part(finding, PART_TASK, id,
                                     symbols_stack_id(analysis->symbols, task->create_stack));
    finding_set(&part->text, "They were created at");
    part_state(analysis, finding, id);
    finding_set(&finding->why, "they were made all along, and it is harmless only if each of them "
                               "still has something to do");
    finding_set(&finding->advice, "bound how many there can be (a pool, a semaphore channel), and "
                                  "let each end with what it was made for");
    return finding;
}

static void look(struct analysis *analysis, const struct made *made, uint32_t count)
{
    struct finding_moment curve[FINDING_MOMENTS];
    if (!grows(analysis->trace, made, count, curve) || !goroutine_own(analysis, made[0].task))
        return;
    struct finding *finding = told(analysis, made[0].site), *new = NULL;
    if (!finding)
        finding = new = report(analysis, made[0].task, count);
    memcpy(finding->growth, curve, sizeof(curve));
    finding->growth_count = FINDING_MOMENTS;
    if (new)
        analysis_add(analysis, new);
}

void detect_growth(struct analysis *analysis)
{
    const struct trace *trace = analysis->trace;
    struct made *made = memory_get(trace->task_count, sizeof(*made));
    uint32_t count = 0;
    for (uint32_t id = 1; id < trace->task_count; id++)
        if (counts(analysis, id))
            made[count++] = (struct made){
                .site = site_of(trace, id), .task = id, .tsc = trace->tasks[id].create_tsc};
    qsort(made, count, sizeof(*made), made_compare);
    for (uint32_t i = 0, next; i < count && !coverage_stopped(trace); i = next) {
        for (next = i; next < count && made[next].site == made[i].site;)
            next++;
        look(analysis, made + i, next - i);
    }
    free(made);
}
