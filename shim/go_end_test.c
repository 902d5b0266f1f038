/*
 * go_end.c: the search that is made again when something spoiled it, and what goes into the slot of each goroutine. What the
 * others do meanwhile is written down beforehand, search by search.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/go_end.c"

#define GOROUTINES 3u
#define SEARCHES   8u

/* ---- the rest of the recorder ---- */

struct go_layout go_layout;
volatile uint32_t shim_life[1024];

static struct trace_task records[GOROUTINES + 1];
static struct go goroutines[GOROUTINES + 1];
static struct g {
    int64_t id;
    uint32_t status;
    uint8_t of_runtime, finalizer;
    void *deferred;
} gs[GOROUTINES + 1];
static struct thread self;

/* What go_halt() and go_halt_held() will say, one after the other. */
static struct {
    bool halted, held;
    void (*meanwhile)(void); /* done once all go on again */
} script[SEARCHES];
static uint32_t halts, ends, searches, sound, unsound, crashes;
static uint64_t searched_sp;
static bool standing, state_at_end, told;

bool go_halt(const struct thread *thread)
{
    assert_ptr_equal(thread, &self);
    assert_false(standing);
    assert_in_range(halts, 0, SEARCHES - 1);
    standing = true;
    return script[halts++].halted;
}

bool go_halt_held(void)
{
    assert_true(standing);
    assert_int_equal(searches, halts); /* all is looked at by now */
    return script[halts - 1].held;
}

void go_halt_end(void)
{
    assert_true(standing);
    standing = false;
    ends++;
    state_at_end = shim_state == SHIM_ENDED;
    if (script[halts - 1].meanwhile)
        script[halts - 1].meanwhile();
}

void go_reach(const struct go *ender, uint64_t sp)
{
    (void)ender;
    assert_true(standing);
    searched_sp = sp;
    searches++;
}

void go_reach_end(bool good)
{
    ++*(good ? &sound : &unsound);
}

void go_each(void (*visit)(struct go *go, void *data), void *data)
{
    for (uint32_t i = 1; i <= GOROUTINES; i++)
        visit(&goroutines[i], data);
}

struct go *go_behind(struct thread *thread)
{
    return thread->go;
}

void go_crashed(struct go *go)
{
    (void)go;
    crashes++;
}

uint64_t go_resting_sp(const struct go *go)
{
    (void)go;
    return 0;
}

bool go_parks(const struct go *go)
{
    return go->task != 0;
}

bool go_told(struct thread *thread, const struct go *go)
{
    assert_ptr_equal(thread, &self);
    assert_int_equal(records[go->task].state, TRACE_TASK_CREATED);
    assert_true(standing);
    return told;
}

struct trace_task *task_record(uint32_t task)
{
    return &records[task];
}

/* ---- what is played ---- */

static int set_up(void **state)
{
    (void)state;
    memset(script, 0, sizeof script);
    memset(records, 0, sizeof records);
    memset(gs, 0, sizeof gs);
    halts = ends = searches = sound = unsound = crashes = 0;
    standing = state_at_end = told = false;
    shim_state = SHIM_ON;
    go_layout = (struct go_layout){.end_known = true,
                                   .g_id = offsetof(struct g, id),
                                   .g_status = offsetof(struct g, status),
                                   .g_system = offsetof(struct g, of_runtime),
                                   .g_finalizer = offsetof(struct g, finalizer),
                                   .g_defer = offsetof(struct g, deferred)};
    for (uint32_t i = 1; i <= GOROUTINES; i++) {
        gs[i] = (struct g){.id = i, .status = STATUS_WAITING};
        goroutines[i] = (struct go){.g = (uintptr_t)&gs[i], .id = i, .task = i};
        records[i] = (struct trace_task){.kind = TRACE_TASK_GOROUTINE,
                                         .state = TRACE_TASK_BLOCKED,
                                         .primitive = PRIMITIVE_go_receive};
    }
    records[1].state = TRACE_TASK_RUNNING;
    self = (struct thread){.go = &goroutines[1]};
    return 0;
}

/* So many searches were made, of which the last is believed or not; then they may go on, unrecorded. */
static void ended(uint32_t made, bool believed)
{
    go_at_end(&self, true);
    assert_int_equal(searches, made);
    assert_int_equal(halts, made);
    assert_int_equal(ends, made);
    assert_int_equal(sound, believed);
    assert_int_equal(unsound, !believed); /* said once, of the last */
    assert_false(standing);
    assert_true(state_at_end);
}

static void at_once(void **state)
{
    (void)state;
    script[0].halted = script[0].held = true;
    ended(1, true);
}

/* A call has come back, or a thread has begun. */
static void spoiled(void **state)
{
    (void)state;
    for (uint32_t times = 1; times < SPOILED_MAX; times++) {
        set_up(NULL);
        for (uint32_t i = 0; i <= times; i++)
            script[i].halted = true;
        script[times].held = true;
        ended(times + 1, true);
    }
}

static void spoiled_each_time(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < SEARCHES; i++)
        script[i].halted = true;
    ended(SPOILED_MAX, false);
}

/* One that does not answer costs seconds: only twice. */
static void not_halted(void **state)
{
    (void)state;
    ended(SPOILED_MAX / 2, false);
    set_up(NULL);
    script[1].halted = script[1].held = true;
    ended(2, true);
    set_up(NULL);
    script[0].halted = script[2].halted = true; /* spoiled, does not answer, spoiled */
    ended(3, false);
    set_up(NULL);
    script[0].held = true; /* what has not been halted cannot have held */
    ended(SPOILED_MAX / 2, false);
}

static void moves_on(void)
{
    gs[2].status = STATUS_WAITING;
    gs[2].deferred = NULL;
    gs[3].status = STATUS_CALL;
    gs[3].deferred = &self;
    records[2].state = TRACE_TASK_BLOCKED;
}

/* What the first search saw is not left over. */
static void seen_anew(void **state)
{
    (void)state;
    gs[2].status = STATUS_CALL;
    gs[2].deferred = &self;
    records[2].state = TRACE_TASK_CREATED;
    told = true;
    script[0].halted = script[1].halted = script[1].held = true;
    script[0].meanwhile = moves_on;
    ended(2, true);
    assert_int_equal(records[2].flags, 0);
    assert_int_equal(records[3].flags, TRACE_TASK_IN_CALL | TRACE_TASK_DEFERS);
}

static void finalizer_ends(void)
{
    records[2].primitive = PRIMITIVE_go_park;
}

/* The goroutine that calls finalizers is the runtime's own but while it waits in one for what only the program can do. */
static void finalizer(void **state)
{
    (void)state;
    gs[2].of_runtime = gs[2].finalizer = gs[3].of_runtime = 1;
    script[0].halted = script[0].held = true;
    ended(1, true);
    assert_int_equal(records[2].flags, TRACE_TASK_FINALIZES);
    assert_int_equal(records[3].flags, TRACE_TASK_SYSTEM);

    set_up(NULL);
    gs[2].of_runtime = gs[2].finalizer = 1;
    script[0].halted = script[1].halted = script[1].held = true;
    script[0].meanwhile = finalizer_ends;
    ended(2, true);
    assert_int_equal(records[2].flags, TRACE_TASK_SYSTEM);

    set_up(NULL);
    gs[2].of_runtime = gs[2].finalizer = gs[3].of_runtime = gs[3].finalizer = 1;
    records[2].flags = TRACE_TASK_TIMED;
    gs[3].status = 2; /* about to go on */
    script[0].halted = script[0].held = true;
    ended(1, true);
    assert_int_equal(records[2].flags, TRACE_TASK_TIMED | TRACE_TASK_SYSTEM);
    assert_int_equal(records[3].flags, TRACE_TASK_SYSTEM);
    assert_int_equal(records[3].state, TRACE_TASK_RUNNING);
}

/* main that returns has no stack any more; another one that ends the program has. */
static void who_ends(void **state)
{
    (void)state;
    script[0].halted = script[0].held = true;
    ended(1, true);
    assert_int_equal(searched_sp, 0);
    set_up(NULL);
    self.go = &goroutines[2];
    script[0].halted = script[0].held = true;
    ended(1, true);
    assert_int_not_equal(searched_sp, 0);
    assert_int_equal(crashes, 0);
    set_up(NULL);
    goroutines[1].threw = true;
    script[0].halted = script[0].held = true;
    ended(1, true);
    assert_int_not_equal(searched_sp, 0);
    assert_int_equal(crashes, 1);
}

/* By a signal, or where too little is known of the runtime: each is looked at once, as it is. */
static void not_orderly(void **state)
{
    (void)state;
    gs[2].status = STATUS_CALL;
    go_at_end(&self, false);
    assert_int_equal(records[2].flags, TRACE_TASK_IN_CALL);
    assert_int_equal(halts + searches, 0);
    set_up(NULL);
    gs[2].status = STATUS_CALL;
    go_layout.end_known = false;
    go_at_end(&self, true);
    assert_int_equal(records[2].flags, TRACE_TASK_IN_CALL);
    assert_int_equal(halts + searches, 0);
    assert_int_equal(shim_state, SHIM_ON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(at_once, set_up),
        cmocka_unit_test_setup(spoiled, set_up),
        cmocka_unit_test_setup(spoiled_each_time, set_up),
        cmocka_unit_test_setup(not_halted, set_up),
        cmocka_unit_test_setup(seen_anew, set_up),
        cmocka_unit_test_setup(finalizer, set_up),
        cmocka_unit_test_setup(who_ends, set_up),
        cmocka_unit_test_setup(not_orderly, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
