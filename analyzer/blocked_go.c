/*
 * Goroutines that wait for ever: on channels, in a select, on a wait group, a condition or nothing at all. The recorder has
 * looked up who could still reach what they wait for (TRACE_TASK_REACHED); here it is said what the wait is and what is
 * missing to end it.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/blocked.h"
#include "analyzer/describe.h"
#include "analyzer/memory.h"

/* ---- channels in words ---- */

static bool made_by(const struct blocked *blocked, uint32_t stack_id, const char *function)
{
    struct stack stack = symbols_stack_id(blocked->analysis->symbols, stack_id);
    bool found = false;
    for (uint32_t i = 0; i < stack.count && !found; i++)
        found = stack.frames[i].function && !strcmp(stack.frames[i].function, function);
    stack_free(&stack);
    return found;
}

static bool is_context(const struct blocked *blocked, const struct trace_object *object)
{
    return object && object->kind == TRACE_OBJECT_CHANNEL &&
           made_by(blocked, object->create_stack, "context.cancelCtx.Done");
}

/* That of a ticker or a timer, time.After's too. */
static bool is_timer(const struct blocked *blocked, const struct trace_object *object)
{
    return made_by(blocked, object->create_stack, "time.NewTicker") ||
           made_by(blocked, object->create_stack, "time.NewTimer");
}

/* "capacity 2, 1 element in it, 5 sent, 4 received, not closed" */
char *blocked_channel_facts(const struct trace_object *object)
{
    if (!object->capacity)
        return memory_format("unbuffered, %llu passed%s", (unsigned long long)object->posts,
                             object->flags & TRACE_OBJECT_CLOSED ? ", closed" : "");
    return memory_format("capacity %llu, %lld in it, %llu sent, %llu received%s",
                         (unsigned long long)object->capacity, (long long)object->value,
                         (unsigned long long)object->posts, (unsigned long long)object->unheard,
                         object->flags & TRACE_OBJECT_CLOSED ? ", closed" : "");
}

static char *case_text(const struct blocked *blocked, uint64_t word)
{
    const struct trace_object *object =
        trace_object(blocked->analysis->trace, (uint32_t)(word >> 1));
    const char *verb = word & 1 ? "send to" : "receive from";
    if (!object)
        return memory_format("case: %s a nil channel", verb);
    if (is_context(blocked, object))
        return memory_format("case: %s the Done channel of a context that nobody cancels", verb);
    char *what = describe_object(blocked->analysis, (uint32_t)(word >> 1));
    char *facts = blocked_channel_facts(object);
    char *text = memory_format("case: %s %s (%s), made", verb, what, facts);
    free(what);
    free(facts);
    return text;
}

/* ---- causes ---- */

static void why(const struct blocked *blocked, struct finding *finding, uint32_t id)
{
    const struct trace_task *task = &blocked->analysis->trace->tasks[id];
    if (blocked->analysis->trace->process.flags & TRACE_PROCESS_ASLEEP)
        finding_set(&finding->why, "Go's runtime ended the program because no goroutine was left "
                                   "that could go on");
    else if (task->flags & TRACE_TASK_REACHED && !(task->flags & TRACE_TASK_REACH_KNOWN))
        finding_set(&finding->why, "no goroutine was left at work that leads to what it waits for; "
                                   "whether a variable of the program does could not be looked up "
                                   "(too large a heap)");
    else if (!(task->flags & TRACE_TASK_REACH_KNOWN) && blocked->graph->orderly)
        finding_set(&finding->why,
                    "it could not be looked up who can still reach what it waits for "
                    "(a goroutine that was at work, or too large a heap)");
    else if (!(task->flags & TRACE_TASK_REACH_KNOWN))
        finding_set(&finding->why, "the program did not come to its end by itself, so it was not "
                                   "looked up who can still reach what it waits for");
    else if (task->flags & (TRACE_TASK_REACHED | TRACE_TASK_REACHED_BY))
        finding_set(&finding->why, "it can be reached from a variable of the program, but no "
                                   "goroutine was left at work that has it on its stack");
    else
        finding_set(&finding->why, "nothing that can still run leads to what it waits for: not the "
                                   "variables, nor the stack of any goroutine that can go on");
}

static void summary(const struct blocked *blocked, struct finding *finding, uint32_t id,
                    const char *text)
{
    char *name = describe_task(blocked->analysis, id);
    finding_set(&finding->summary, "%s %s", name, text);
    blocked_capital(finding->summary);
    free(name);
}

static struct finding *cause_nothing(const struct blocked *blocked, uint32_t id)
{
    struct finding *finding = blocked_finding(blocked, id, "select-forever");
    finding->certainty = FINDING_PROVED;
    summary(blocked, finding, id, "waits for ever by select {}");
    finding->object = memory_text("nothing");
    finding_set(&finding->advice, "wait for something that ends: a Done channel, a wait group");
    return finding;
}

static struct finding *cause_nil(const struct blocked *blocked, uint32_t id)
{
    const struct trace_task *task = &blocked->analysis->trace->tasks[id];
    struct finding *finding = blocked_finding(blocked, id, "nil-channel");
    finding->certainty = FINDING_PROVED;
    summary(blocked, finding, id,
            task->primitive == PRIMITIVE_go_send ? "sends to a nil channel, for ever"
                                                 : "receives from a nil channel, for ever");
    finding->object = memory_text("nil");
    finding_set(&finding->advice, "make the channel before it is used");
    return finding;
}

static struct finding *cause_send(const struct blocked *blocked, uint32_t id,
                                  const struct trace_object *object)
{
    struct finding *finding = blocked_finding(blocked, id, "forgotten-sender");
    char *facts = blocked_channel_facts(object);
    char *text = memory_format("sends to a channel that nobody receives from any more (%s)", facts);
    summary(blocked, finding, id, text);
    finding_set(&finding->advice, "%s",
                object->capacity ? "let the receiver take all that is sent, or the sender select "
                                   "on a Done channel too"
                                 : "give the channel room for the value (make with capacity 1), or "
                                   "let the sender select on a Done channel too");
    free(facts);
    free(text);
    return finding;
}

static struct finding *cause_receive(const struct blocked *blocked, uint32_t id,
                                     const struct trace_object *object)
{
    bool context = is_context(blocked, object);
    struct finding *finding = blocked_finding(blocked, id,
                                              context         ? "context-not-cancelled"
                                              : object->posts ? "never-closed"
                                                              : "no-sender");
    char *facts = blocked_channel_facts(object);
    bool timer = is_timer(blocked, object);
    char *text = context ? memory_text("waits for a context that nobody cancels")
                 : timer ? memory_text("receives from the channel of a timer that sends no more")
                         : memory_format("receives from a channel that nobody %s (%s)",
                                         object->posts ? "closes, nor sends to any more"
                                                       : "sends to or closes",
                                         facts);
    summary(blocked, finding, id, text);
    finding_set(&finding->advice, "%s",
                context ? "call the context's cancel function on every way out"
                : timer
                    ? "Stop does not close a timer's channel: select on one, too, that is closed "
                      "where the timer is stopped"
                    : "close the channel when the last value is sent");
    free(facts);
    free(text);
    return finding;
}

static struct finding *cause_select(const struct blocked *blocked, uint32_t id)
{
    const struct trace *trace = blocked->analysis->trace;
    const struct trace_task *task = &trace->tasks[id];
    uint32_t count, contexts = 0, nils = 0;
    const uint64_t *words = trace_stack(trace, task->list, &count);
    struct finding *finding = blocked_finding(blocked, id, "select-stuck");
    for (uint32_t i = 0; i < count; i++) {
        const struct trace_object *object = trace_object(trace, (uint32_t)(words[i] >> 1));
        contexts += is_context(blocked, object);
        nils += !object;
        blocked_event(blocked, finding, object ? object->create_task : 0,
                      object ? object->create_stack : 0, case_text(blocked, words[i]));
    }
    if (contexts)
        finding->rule = "context-not-cancelled";
    else if (nils && nils == count)
        finding->rule = "nil-channel";
    char *text =
        memory_format("waits in a select of %llu case%s, none of which can happen any more",
                      (unsigned long long)task->wait_value, task->wait_value == 1 ? "" : "s");
    summary(blocked, finding, id,
            nils && nils == count ? "selects on nil channels only, for ever" : text);
    finding_set(&finding->advice, "%s",
                contexts                ? "call the context's cancel function on every way out"
                : nils && nils == count ? "make the channels before they are used"
                                        : "let one case be a Done channel that is closed on every "
                                          "way out");
    finding->object = memory_text("select");
    free(text);
    return finding;
}

static struct finding *cause_group(const struct blocked *blocked, uint32_t id,
                                   const struct trace_object *object)
{
    struct finding *finding = blocked_finding(blocked, id, "wait-group-short");
    char *text =
        memory_format("waits for a wait group whose counter is %lld, and nobody is left to "
                      "call Done",
                      (long long)object->value);
    summary(blocked, finding, id, text);
    if (object->last_post_task) {
        char *who = describe_task(blocked->analysis, object->last_post_task);
        blocked_event(blocked, finding, object->last_post_task, object->last_post_stack,
                      memory_format("the last Done was by %s", who));
        free(who);
    }
    finding_set(&finding->advice,
                "defer Done first of all in each goroutine, and Add as many as are started");
    free(text);
    return finding;
}

static struct finding *cause_cond(const struct blocked *blocked, uint32_t id,
                                  const struct trace_object *object)
{
    const struct trace_task *task = &blocked->analysis->trace->tasks[id];
    bool lost = object->unheard && object->unheard_tsc < task->since_tsc &&
                object->last_post_tsc <= object->unheard_tsc;
    struct finding *finding =
        blocked_finding(blocked, id, lost ? "lost-wakeup" : "never-signalled");
    summary(blocked, finding, id,
            lost ? "waits for a condition whose last signal came before, when nobody waited"
                 : "waits for a condition that nobody signals");
    if (lost) {
        char *who = describe_task(blocked->analysis, object->unheard_task);
        blocked_event(blocked, finding, object->unheard_task, object->unheard_stack,
                      memory_format("signalled by %s, unheard", who));
        free(who);
    }
    finding_set(&finding->advice, "wait in a loop on a condition that is set and tested under the "
                                  "lock; a signal is not remembered");
    return finding;
}

struct finding *blocked_go_cause(const struct blocked *blocked, uint32_t id)
{
    const struct trace *trace = blocked->analysis->trace;
    const struct trace_task *task = &trace->tasks[id];
    if (blocked->graph->waits[id].kind != WAIT_GO)
        return NULL;
    const struct trace_object *object = trace_object(trace, task->object);
    struct finding *finding;
    if (task->primitive == PRIMITIVE_go_block)
        return cause_nothing(blocked, id);
    if (task->primitive == PRIMITIVE_go_select)
        finding = cause_select(blocked, id);
    else if (!object)
        return cause_nil(blocked, id);
    else if (object->kind == TRACE_OBJECT_WAITGROUP)
        finding = cause_group(blocked, id, object);
    else if (object->kind == TRACE_OBJECT_COND)
        finding = cause_cond(blocked, id, object);
    else if (task->primitive == PRIMITIVE_go_send)
        finding = cause_send(blocked, id, object);
    else
        finding = cause_receive(blocked, id, object);
    why(blocked, finding, id);
    return finding;
}

/* ---- by design ---- */

/* Made while packages were initialised: it serves the whole run. */
static bool of_init(const struct blocked *blocked, const struct trace_task *task)
{
    struct stack stack = symbols_stack_id(blocked->analysis->symbols, task->create_stack);
    const struct frame *site = stack_site(&stack);
    bool init = site && site->function &&
                (strstr(site->function, ".init.") || strstr(site->function, "..init"));
    stack_free(&stack);
    return init;
}

/* Only receives. */
static bool receives(const struct trace *trace, const struct trace_task *task)
{
    uint32_t count = 0;
    const uint64_t *words = task->list ? trace_stack(trace, task->list, &count) : NULL;
    for (uint32_t i = 0; i < count; i++)
        if (words[i] & 1)
            return false;
    return task->primitive == PRIMITIVE_go_receive || task->primitive == PRIMITIVE_go_select;
}

/* Waits to be given something through a channel that a variable of the program leads to, until main returns: a worker, the
 * writer of a log. What a test leaves behind that way is no such. */
static bool serves(const struct blocked *blocked, uint32_t id)
{
    const struct trace_task *task = &blocked->analysis->trace->tasks[id];
    return blocked->graph->orderly && task->flags & TRACE_TASK_REACHED && !task->test &&
           !(task->flags & TRACE_TASK_FINALIZES) && receives(blocked->analysis->trace, task);
}

/* Package testing waits for a test; what keeps that one is told by itself. */
static bool of_testing(const struct stack *stack)
{
    uint32_t i = 0;
    while (i < stack->count && stack->frames[i].function &&
           !strncmp(stack->frames[i].function, "runtime.", 8))
        i++;
    return i < stack->count && stack->frames[i].function &&
           !strncmp(stack->frames[i].function, "testing.", 8);
}

static bool by_design(const struct blocked *blocked, uint32_t id)
{
    const struct trace *trace = blocked->analysis->trace;
    const struct trace_task *task = &trace->tasks[id];
    if (task->kind != TRACE_TASK_GOROUTINE)
        return false;
    /* main that only keeps the program alive while others serve */
    if (task->primitive == PRIMITIVE_go_block && task->handle == 1)
        return blocked->graph->going > 0 || blocked->graph->ender != id;
    if (!(task->flags & TRACE_TASK_FINALIZES) && of_init(blocked, task) &&
        !blocked->graph->waits[id].sure)
        return true;
    /* A goroutine of the library: of a server, of a client that keeps its connections, of os/signal. */
    struct stack stack = symbols_stack_id(blocked->analysis->symbols, task->wait_stack);
    bool own = !stack.count;
    for (uint32_t i = 0; i < stack.count && !own; i++)
        own = stack.frames[i].own;
    bool testing = of_testing(&stack);
    stack_free(&stack);
    return !own || testing;
}

bool blocked_go_idle(const struct blocked *blocked, uint32_t id)
{
    return by_design(blocked, id) || serves(blocked, id);
}

uint64_t blocked_go_unknown(const struct blocked *blocked)
{
    const struct trace *trace = blocked->analysis->trace;
    uint64_t count = 0;
    if (!blocked->graph->orderly || trace->process.flags & TRACE_PROCESS_GO_PARTLY)
        return 0;
    for (uint32_t id = 1; id < trace->task_count; id++) {
        const struct wait *wait = &blocked->graph->waits[id];
        bool known = trace->tasks[id].flags & (TRACE_TASK_REACH_KNOWN | TRACE_TASK_REACHED_BY);
        count += wait->kind == WAIT_GO && !known && (!wait->stuck || serves(blocked, id)) &&
                 !by_design(blocked, id);
    }
    return count;
}
