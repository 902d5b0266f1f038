/*
 * Panics and fatal errors of the runtime: where the last one of each goroutine was, and what it said. Whether it ended the
 * process shows at the end (go_end.c): until then it may be recovered. And the names of tests, which the goroutines that
 * run them get.
 */
#include "shim/go.h"

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/stack.h"
#include "shim/table.h"
#include "shim/task.h"

#define KIND_MASK   31u
#define KIND_STRING 24u
#define KIND_OFFSET \
    23u /* in a type descriptor: two words, a hash, then flags, align, field align, kind */

struct go *go_behind(struct thread *thread)
{
    struct go *go = thread->go;
    if (go != thread->go_own)
        return go;
    go = go ? go->carried : NULL;
    return go && go->task && task_record(go->task)->state == TRACE_TASK_RUNNING ? go : NULL;
}

/* What was given to panic(), if it is a string, or an error of the runtime that is one. */
static uint32_t message_of(const uint8_t *type, void *data)
{
    const struct {
        const char *text;
        intptr_t length;
    } *string = data;
    if (!type || !string || (type[KIND_OFFSET] & KIND_MASK) != KIND_STRING || string->length <= 0)
        return 0;
    return stack_put_text(string->text, (size_t)string->length);
}

/* What deferred functions do now is within the frames of what panicked, but no part of it. */
static NOINLINE void panicking(void *type, void *data, uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = thread_enter();
    struct go *go = thread ? thread->go : NULL;
    if (go) {
        go->operation = NULL;
        go->panic_stack = stack_here(thread, pc, frame);
        go->message = message_of(type, data);
    }
    if (thread)
        thread_leave(thread);
}

GO_EXPORT(go_panic, "runtime.gopanic", void, (void *type, void *data));
EXPORT void wrap_go_panic(void *type, void *data)
{
    if (LIKELY(go_on))
        panicking(type, data, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    GO_REAL(go_panic)(type, data);
}

/* Nothing comes after it. The scheduler itself throws when no goroutine is left that could go on. */
static NOINLINE void throwing(const char *text, intptr_t length, uintptr_t pc, uintptr_t frame)
{
    static const char asleep[] = "all goroutines are asleep", none[] = "no goroutines (main called";
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct go *go = go_behind(thread);
    if ((length >= (intptr_t)sizeof asleep - 1 && raw_equal_n(text, asleep, sizeof asleep - 1)) ||
        (length >= (intptr_t)sizeof none - 1 && raw_equal_n(text, none, sizeof none - 1))) {
        process_record()->flags |= TRACE_PROCESS_ASLEEP;
    } else if (go) {
        go->threw = true;
        go->panic_stack = stack_here(thread, pc, frame);
        go->message = length > 0 ? stack_put_text(text, (size_t)length) : 0;
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
