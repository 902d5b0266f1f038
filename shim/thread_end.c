/*
 * That a thread ends is seen in the last round of its keys' destructors, so that what thread_local and other destructors do
 * still is.
 */
#include "shim/thread.h"

#include <limits.h>
#include <signal.h>

#include "shim/banned.h"
#include "shim/fiber.h"
#include "shim/raw.h"
#include "shim/task.h"

#define LAST_KEY 31u
static pthread_key_t end_key;

static void thread_gone(void *rounds)
{
    uintptr_t round = (uintptr_t)rounds;
    if (round < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(end_key, (void *)(round + 1));
        return;
    }
    struct thread *thread = thread_current;
    if ((uintptr_t)thread > THREAD_NONE)
        thread_leave(
            thread); /* nothing of ours is under way, but perhaps was when it was cancelled */
    uint64_t all = SIGNALS_OF_PROGRAM, mask; /* one that is put off now would never come */
    raw4(SYS_rt_sigprocmask, SIG_BLOCK, &all, &mask, 8);
    thread = thread_enter();
    if (thread) {
        fiber_thread_end(thread);
        task_end(thread);
    }
    raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

/* Ours is the last of those whose values glibc keeps in the thread itself: the program's keys are numbered as without us. */
bool thread_setup(void)
{
    pthread_key_t others[LAST_KEY];
    uint32_t count = 0;
    bool made = pthread_key_create(&end_key, thread_gone) == 0;
    while (made && end_key < LAST_KEY && count < LAST_KEY) {
        others[count++] = end_key;
        made = pthread_key_create(&end_key, thread_gone) == 0;
    }
    while (count)
        pthread_key_delete(others[--count]);
    return made;
}

/* Makes sure the task's end will be seen. The key's own memory may come from the host's malloc: guard up. */
void thread_watch_end(void)
{
    pthread_setspecific(end_key, (void *)1);
}
