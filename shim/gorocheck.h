/*
 * gorocheck.h: lets a program or library tell gorocheck what it cannot see for itself: locks, channels, wait groups and
 * pools that are not made of pthread functions. For C and C++.
 *
 * Nothing has to be linked. Each call is one test of a weak symbol, which is null unless the program runs under gorocheck;
 * with -DGOROCHECK_OFF it is nothing at all. Every object is named by an address of your own, that of the lock or the queue;
 * it needs no declaration, and ceases to be when its memory is freed. docs/annotations.md has examples.
 */
#ifndef GOROCHECK_H
#define GOROCHECK_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* noplt: through a word that the dynamic linker fills, in executables at fixed addresses (-no-pie) too. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 6
#define GOROCHECK_WEAK __attribute__((weak, noplt))
#else
#define GOROCHECK_WEAK __attribute__((weak))
#endif
/* Of what the pointer points to nothing is read: it may be memory that is not initialised yet. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define GOROCHECK_ABOUT __attribute__((weak, noplt, access(none, 1)))
#else
#define GOROCHECK_ABOUT GOROCHECK_WEAK
#endif
/* A macro of the same name as its function: so the call, and with it the line in the reports, is the caller's own. */
#ifdef GOROCHECK_OFF
#define GOROCHECK_CALL(fn, object)       ((void)sizeof(((fn)(object), 0))) /* checked, not called */
#define GOROCHECK_WITH(fn, object, more) ((void)sizeof(((fn)(object, more), 0)))
#else
#define GOROCHECK_CALL(fn, object)       ((fn) ? (fn)(object) : (void)0)
#define GOROCHECK_WITH(fn, object, more) ((fn) ? (fn)(object, more) : (void)0)
#endif

/*
 * What is begun below (`locking`, `sending`, `receiving`, `group_waiting`, `task_awaiting`) and blocks in a function that
 * gorocheck knows (pthread_cond_wait, sem_wait, poll, read...) is reported as what it is, a send or a lock. If you wait by
 * other means, a futex of your own, say so before you do.
 */
GOROCHECK_ABOUT void gorocheck_blocking(const volatile void *object);
#define gorocheck_blocking(object) GOROCHECK_CALL(gorocheck_blocking, object)

/* ---- order: all that was done before happens_before(p) is before what is done after a later happens_after(p) ---- */
GOROCHECK_ABOUT void gorocheck_happens_before(const volatile void *object);
GOROCHECK_ABOUT void gorocheck_happens_after(const volatile void *object);
#define gorocheck_happens_before(object) GOROCHECK_CALL(gorocheck_happens_before, object)
#define gorocheck_happens_after(object)  GOROCHECK_CALL(gorocheck_happens_after, object)

/*
 * ---- locks: `locking` before the attempt, then `locked` or `lock_failed`; without an attempt that may wait
 * `try_locked` alone. `unlocking` before the lock is given up, whichever way it is held. ----
 */
GOROCHECK_ABOUT void gorocheck_lock_create(const volatile void *lock);
GOROCHECK_ABOUT void gorocheck_lock_destroy(const volatile void *lock);
GOROCHECK_ABOUT void gorocheck_locking(const volatile void *lock);
GOROCHECK_ABOUT void gorocheck_locked(const volatile void *lock);
GOROCHECK_ABOUT void gorocheck_try_locked(const volatile void *lock);
GOROCHECK_ABOUT void gorocheck_read_locking(const volatile void *lock);
GOROCHECK_ABOUT void gorocheck_read_locked(const volatile void *lock);
GOROCHECK_ABOUT void gorocheck_try_read_locked(const volatile void *lock);
GOROCHECK_ABOUT void gorocheck_lock_failed(const volatile void *lock);
GOROCHECK_ABOUT void gorocheck_unlocking(const volatile void *lock);
#define gorocheck_lock_create(lock)     GOROCHECK_CALL(gorocheck_lock_create, lock)
#define gorocheck_lock_destroy(lock)    GOROCHECK_CALL(gorocheck_lock_destroy, lock)
#define gorocheck_locking(lock)         GOROCHECK_CALL(gorocheck_locking, lock)
#define gorocheck_locked(lock)          GOROCHECK_CALL(gorocheck_locked, lock)
#define gorocheck_try_locked(lock)      GOROCHECK_CALL(gorocheck_try_locked, lock)
#define gorocheck_read_locking(lock)    GOROCHECK_CALL(gorocheck_read_locking, lock)
#define gorocheck_read_locked(lock)     GOROCHECK_CALL(gorocheck_read_locked, lock)
#define gorocheck_try_read_locked(lock) GOROCHECK_CALL(gorocheck_try_read_locked, lock)
#define gorocheck_lock_failed(lock)     GOROCHECK_CALL(gorocheck_lock_failed, lock)
#define gorocheck_unlocking(lock)       GOROCHECK_CALL(gorocheck_unlocking, lock)

/*
 * ---- channels, with the order of Go's: a send is before the receive that takes its value, the k-th receive from a
 * channel of capacity C before the (k+C)-th send is complete, the closing before a receive that sees it. Capacity 0: no
 * buffer, sender and receiver meet.
 *
 * `sending` and `receiving` when the operation begins; then `sent` or `received` when the value is put in or taken out,
 * or `received_closed` (nothing was left, and the channel is closed), or `gave_up`. All but `gave_up` while you hold what
 * protects the channel, so that they come in the order in which values go through. Several that are begun before the first
 * is done are a select: one of them is then done, and `gave_up` said of the others. Without a buffer, values and waiting
 * receivers are served in the order in which they began; whoever completes the meeting says so first. ----
 */
GOROCHECK_ABOUT void gorocheck_channel_create(const volatile void *channel, size_t capacity);
GOROCHECK_ABOUT void gorocheck_channel_destroy(const volatile void *channel);
GOROCHECK_ABOUT void gorocheck_sending(const volatile void *channel);
GOROCHECK_ABOUT void gorocheck_sent(const volatile void *channel);
GOROCHECK_ABOUT void gorocheck_receiving(const volatile void *channel);
GOROCHECK_ABOUT void gorocheck_received(const volatile void *channel);
GOROCHECK_ABOUT void gorocheck_received_closed(const volatile void *channel);
GOROCHECK_ABOUT void gorocheck_gave_up(const volatile void *channel);
GOROCHECK_ABOUT void gorocheck_channel_close(const volatile void *channel);
#define gorocheck_channel_create(channel, capacity) \
    GOROCHECK_WITH(gorocheck_channel_create, channel, capacity)
#define gorocheck_channel_destroy(channel) GOROCHECK_CALL(gorocheck_channel_destroy, channel)
#define gorocheck_sending(channel)         GOROCHECK_CALL(gorocheck_sending, channel)
#define gorocheck_sent(channel)            GOROCHECK_CALL(gorocheck_sent, channel)
#define gorocheck_receiving(channel)       GOROCHECK_CALL(gorocheck_receiving, channel)
#define gorocheck_received(channel)        GOROCHECK_CALL(gorocheck_received, channel)
#define gorocheck_received_closed(channel) GOROCHECK_CALL(gorocheck_received_closed, channel)
#define gorocheck_gave_up(channel)         GOROCHECK_CALL(gorocheck_gave_up, channel)
#define gorocheck_channel_close(channel)   GOROCHECK_CALL(gorocheck_channel_close, channel)

/* ---- wait groups: `done` before the count goes down; `waiting` when the wait begins, `waited` when the count was 0 ---- */
GOROCHECK_ABOUT void gorocheck_group_add(const volatile void *group, long count);
GOROCHECK_ABOUT void gorocheck_group_done(const volatile void *group);
GOROCHECK_ABOUT void gorocheck_group_waiting(const volatile void *group);
GOROCHECK_ABOUT void gorocheck_group_waited(const volatile void *group);
#define gorocheck_group_add(group, count) GOROCHECK_WITH(gorocheck_group_add, group, count)
#define gorocheck_group_done(group)       GOROCHECK_CALL(gorocheck_group_done, group)
#define gorocheck_group_waiting(group)    GOROCHECK_CALL(gorocheck_group_waiting, group)
#define gorocheck_group_waited(group)     GOROCHECK_CALL(gorocheck_group_waited, group)

/*
 * ---- tasks of a pool: `submitted` before a worker can take it, `started` and `finished` by the worker, `awaiting` and
 * `awaited` by whoever waits for its completion ----
 */
GOROCHECK_ABOUT void gorocheck_task_submitted(const volatile void *task);
GOROCHECK_ABOUT void gorocheck_task_started(const volatile void *task);
GOROCHECK_ABOUT void gorocheck_task_finished(const volatile void *task);
GOROCHECK_ABOUT void gorocheck_task_awaiting(const volatile void *task);
GOROCHECK_ABOUT void gorocheck_task_awaited(const volatile void *task);
#define gorocheck_task_submitted(task) GOROCHECK_CALL(gorocheck_task_submitted, task)
#define gorocheck_task_started(task)   GOROCHECK_CALL(gorocheck_task_started, task)
#define gorocheck_task_finished(task)  GOROCHECK_CALL(gorocheck_task_finished, task)
#define gorocheck_task_awaiting(task)  GOROCHECK_CALL(gorocheck_task_awaiting, task)
#define gorocheck_task_awaited(task)   GOROCHECK_CALL(gorocheck_task_awaited, task)

/* ---- names in the reports: of any object told of here (not of condition variables), at most 39 bytes, copied ---- */
GOROCHECK_ABOUT void gorocheck_name(const volatile void *object, const char *name);
#define gorocheck_name(object, name) GOROCHECK_WITH(gorocheck_name, object, name)

/* ---- accesses that are meant to race: of this thread between begin and end; of all threads to these bytes, for good ---- */
GOROCHECK_WEAK void gorocheck_ignore_begin(void);
GOROCHECK_WEAK void gorocheck_ignore_end(void);
GOROCHECK_ABOUT void gorocheck_ignore_range(const volatile void *from, size_t size);
#ifdef GOROCHECK_OFF
#define gorocheck_ignore_begin() ((void)0)
#define gorocheck_ignore_end()   ((void)0)
#else
#define gorocheck_ignore_begin() ((gorocheck_ignore_begin) ? (gorocheck_ignore_begin)() : (void)0)
#define gorocheck_ignore_end()   ((gorocheck_ignore_end) ? (gorocheck_ignore_end)() : (void)0)
#endif
#define gorocheck_ignore_range(from, size) GOROCHECK_WITH(gorocheck_ignore_range, from, size)

#ifdef __cplusplus
}
#endif

#endif
