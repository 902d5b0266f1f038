/*
 * Panics and fatal errors of the runtime: where the last one of each goroutine was, and what it said. Whether it ended the
 * process shows at the end (go_end.c): until then it may be recovered. And the names of tests, which the goroutines that
 * run them get.
 */
#include "shim/go.h"
#include "shim/go_type.h"

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/stack.h"
#include "shim/table.h"
#include "shim/task.h"

static bool begins(const char *text, intptr_t length, const char *with)
{
    size_t wanted = raw_length(with);
    return length >= (intptr_t)wanted && raw_equal_n(text, with, wanted);
}

struct go *go_behind(struct thread *thread)
{
    struct go *go = thread->go;
    if (go != thread->go_own)
        return go;
    go = go ? go->carried : NULL;
    return go && go->task && task_record(go->task)->state == TRACE_TASK_RUNNING ? go : NULL;
}

/* What deferred functions do now is within the frames of what panicked, but no part of it. */
static NOINLINE void panicking(const struct go_type *type, const void *data, uintptr_t pc,
                               uintptr_t frame)
{
    struct thread *thread = thread_enter();
    struct go *go = thread ? thread->go : NULL;
    if (go) {
        const struct go_string *text = data;
        bool is_text = type && text && (type->kind & GO_KIND_MASK) == GO_STRING;
        go_misused(thread, go, is_text ? text->text : NULL, is_text ? text->length : 0);
        go->operation = NULL;
        go->watched = 0;
        go->panicked = true;
        go->panic_stack = stack_here(thread, pc, frame);
    }
    if (thread)
        thread_leave(thread);
}

GO_EXPORT(go_panic, "runtime.gopanic", void, (const void *type, void *data));
EXPORT void wrap_go_panic(const void *type, void *data)
{
    if (LIKELY(go_on))
        panicking(type, data, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    GO_REAL(go_panic)(type, data);
}

/* Nothing comes after it. The scheduler itself throws when no goroutine is left that could go on. */
static NOINLINE void throwing(const char *text, intptr_t length, uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct go *go = go_behind(thread);
    if (begins(text, length, "all goroutines are asleep") ||
        begins(text, length, "no goroutines (main called")) {
        process_record()->flags |= TRACE_PROCESS_ASLEEP;
    } else if (go) {
        go->threw = go->panicked = true;
        go->panic_stack = stack_here(thread, pc, frame);
        go->message = length > 0 ? stack_put_text(text, (size_t)length) : 0;
        go_misused(thread, go, text, length);
    }
    thread_leave(thread);
}

GO_EXPORT(go_throw, "runtime.throw", void, (const char *text, intptr_t length));
EXPORT void wrap_go_throw(const char *text, intptr_t length)
{
    if (LIKELY(go_on))
        throwing(text, length, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    GO_REAL(go_throw)(text, length);
}

/* ---- the end by it ---- */

static size_t add(char *text, size_t used, const char *more)
{
    while (*more && used < STACK_TEXT)
        text[used++] = *more++;
    return used;
}

/*
 * What the panics of a goroutine that nothing recovered were given: the first one, and those that deferred calls of its
 * made. The runtime has put the texts of errors and Stringers in their places by now.
 */
static uint32_t message_of(const struct go *go)
{
    uintptr_t panics[8], panic = *(uintptr_t *)(go->g + go_layout.g_panic);
    char text[STACK_TEXT];
    size_t used = 0;
    uint32_t count = 0;
    for (; panic && count < 8; panic = *(uintptr_t *)(panic + go_layout.panic_link))
        if (!*(uint8_t *)(panic + go_layout.panic_goexit))
            panics[count++] = panic;
    while (count--) {
        const uintptr_t *value = (const uintptr_t *)(panics[count] + go_layout.panic_value);
        used += go_value_text((const struct go_type *)value[0], (const void *)value[1], text + used,
                              STACK_TEXT - used);
        if (*(uint8_t *)(panics[count] + go_layout.panic_recovered))
            used = add(text, used, " [recovered]");
        used = count ? add(text, used, ", then ") : used;
    }
    return stack_put_text(text, used);
}

void go_crashed(struct go *go)
{
    struct trace_task *record = task_record(go->task);
    process_record()->end_task = go->task;
    if (!go->panic_stack)
        return;
    record->flags |= go->threw ? TRACE_TASK_THREW : TRACE_TASK_PANICKED;
    record->exit_stack = go->panic_stack;
    record->message = go->message;
}

/* The process ends here, by exit or (GOTRACEBACK=crash) by a signal. */
static NOINLINE void crashing(void)
{
    struct thread *thread = thread_enter();
    struct go *go = thread ? go_behind(thread) : NULL;
    if (go && go->task && go_parks(go) && go->panic_stack) {
        if (!go->threw && go_layout.end_known)
            go->message = message_of(go);
        go_crashed(go);
        go_misuse_ends(thread, go);
    }
    if (thread)
        thread_leave(thread);
}

GO_EXPORT(go_crash, "runtime.startpanic__m", bool, (void));
EXPORT bool wrap_go_crash(void)
{
    if (LIKELY(go_on))
        crashing();
    return GO_REAL(go_crash)();
}

/* ---- tests ---- */

static size_t text_read(uint32_t id, char *text, size_t room)
{
    uint32_t count;
    const char *from = (const char *)stack_frames(id, &count);
    size_t length = 0;
    while (length < room && length < 8 * (size_t)count && from[length]) {
        text[length] = from[length];
        length++;
    }
    return length;
}

/* T.Run makes one goroutine, for the test of this name; as package testing does it, a subtest's name has those of the
 * tests around it before it, and no blanks. What a test makes is that test's, too. */
static NOINLINE void test_named(const char *name, intptr_t length)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    char text[STACK_TEXT];
    size_t used = text_read(thread->record->test, text, STACK_TEXT - 1);
    if (used)
        text[used++] = '/';
    for (intptr_t i = 0; i < length && used < STACK_TEXT; i++)
        text[used++] = name[i] == ' ' ? '_' : name[i];
    if (thread->go && used)
        thread->go->test = stack_put_text(text, used);
    go_tests = true;
    thread_leave(thread);
}

GO_EXPORT(go_test, "testing.T.Run", bool,
          (void *test, const char *name, intptr_t length, void *fn));
EXPORT bool wrap_go_test(void *test, const char *name, intptr_t length, void *fn)
{
    if (LIKELY(go_on))
        test_named(name, length);
    return GO_REAL(go_test)(test, name, length, fn);
}
