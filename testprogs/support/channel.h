/*
 * Channels as in Go, for the test programs of gorocheck.h: any C program could have such a library. Its lock and its waits
 * are futexes by inline assembly in code that is not instrumented: gorocheck sees nothing but what the annotations tell.
 */
#ifndef TESTPROGS_CHANNEL_H
#define TESTPROGS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "../../shim/gorocheck.h"

#define CHANNEL_HIDDEN static __attribute__((unused, noinline, no_sanitize("thread")))

#define CHANNEL_PLACES 16

struct channel {
    int lock, changed; /* changed counts up at each change: what waiters wait for */
    size_t capacity, count, first;
    bool closed;
    long offered, taken; /* without a buffer: values offered so far, and taken */
    void *values[CHANNEL_PLACES];
};

CHANNEL_HIDDEN long channel_futex(int *word, int operation, int value, const long *time)
{
    long result;
    register const long *r10 __asm__("r10") = time;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(202L), "D"(word), "S"((long)operation | 128), "d"((long)value), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

CHANNEL_HIDDEN int channel_swap(int *word, int value)
{
    __asm__ volatile("xchgl %0, %1" : "+r"(value), "+m"(*word)::"memory");
    return value;
}

CHANNEL_HIDDEN void channel_lock(struct channel *c)
{
    while (channel_swap(&c->lock, 1))
        channel_futex(&c->lock, 0, 1, (const long[]){0, 1000000});
}

CHANNEL_HIDDEN void channel_unlock(struct channel *c)
{
    channel_swap(&c->lock, 0);
    channel_futex(&c->lock, 1, 1, NULL);
}

/* Who selects waits for any change of any channel. */
static int channel_changes;

CHANNEL_HIDDEN void channel_change(struct channel *c)
{
    c->changed++;
    channel_futex(&c->changed, 1, 0x7fffffff, NULL);
    __asm__ volatile("lock incl %0" : "+m"(channel_changes)::"memory");
    channel_futex(&channel_changes, 1, 0x7fffffff, NULL);
}

/* Unlocks, waits for a change or for some milliseconds (-1: for ever), locks again; false: the time is over. */
CHANNEL_HIDDEN bool channel_await(struct channel *c, long milliseconds)
{
    int seen = c->changed;
    long time[2] = {milliseconds / 1000, milliseconds % 1000 * 1000000}, result;
    channel_unlock(c);
    if (milliseconds < 0)
        gorocheck_blocking(c);
    result = channel_futex(&c->changed, 0, seen, milliseconds < 0 ? NULL : time);
    channel_lock(c);
    return result != -110 /* ETIMEDOUT */;
}

#define channel_make(c, capacity) channel_make_named(c, capacity, #c)
CHANNEL_HIDDEN void channel_make_named(struct channel *c, size_t capacity, const char *name)
{
    *c = (struct channel){.capacity = capacity};
    gorocheck_channel_create(c, capacity);
    gorocheck_name(c, name + (*name == '&'));
}

CHANNEL_HIDDEN void channel_send(struct channel *c, void *value)
{
    channel_lock(c);
    gorocheck_sending(c); /* @channel_send */
    if (c->capacity) {
        while (c->count == c->capacity)
            channel_await(c, -1);
        c->values[(c->first + c->count++) % c->capacity] = value;
    } else {
        long mine = c->offered++;
        c->values[mine % CHANNEL_PLACES] = value;
        channel_change(c);
        while (c->taken <= mine)
            channel_await(c, -1);
    }
    gorocheck_sent(c);
    channel_change(c);
    channel_unlock(c);
}

/* False: closed and empty, or the time is over (then *closed stays false). */
CHANNEL_HIDDEN bool channel_receive_within(struct channel *c, void **value, long milliseconds,
                                           bool *closed)
{
    bool got = false;
    channel_lock(c);
    gorocheck_receiving(c); /* @channel_receive */
    while (!(c->capacity ? c->count : c->offered > c->taken) && !c->closed)
        if (!channel_await(c, milliseconds))
            break;
    if (c->capacity && c->count) {
        *value = c->values[c->first++ % c->capacity];
        c->count--;
        got = true;
    } else if (!c->capacity && c->offered > c->taken) {
        *value = c->values[c->taken++ % CHANNEL_PLACES];
        got = true;
    }
    if (got)
        gorocheck_received(c);
    else if (c->closed)
        gorocheck_received_closed(c);
    else
        gorocheck_gave_up(c);
    *closed = !got && c->closed;
    channel_change(c);
    channel_unlock(c);
    return got;
}

CHANNEL_HIDDEN bool channel_receive(struct channel *c, void **value)
{
    bool closed;
    return channel_receive_within(c, value, -1, &closed);
}

/* A receive (value: where to), or a send to a channel with a buffer (value: what). */
struct channel_case {
    struct channel *channel;
    void **value;
    bool sends, closed; /* closed: what the receive saw */
};

/* With the lock: does it if it can be done. */
CHANNEL_HIDDEN bool channel_case_do(struct channel_case *k)
{
    struct channel *c = k->channel;
    if (k->sends) {
        if (c->count == c->capacity)
            return false;
        c->values[(c->first + c->count++) % c->capacity] = *k->value;
        gorocheck_sent(c);
        return true;
    }
    if (c->capacity && c->count) {
        *k->value = c->values[c->first++ % c->capacity];
        c->count--;
    } else if (!c->capacity && c->offered > c->taken) {
        *k->value = c->values[c->taken++ % CHANNEL_PLACES];
    } else {
        k->closed = c->closed;
        if (c->closed)
            gorocheck_received_closed(c);
        return c->closed;
    }
    gorocheck_received(c);
    return true;
}

/* Does one of several; returns which. */
CHANNEL_HIDDEN int channel_select(struct channel_case *cases, int count)
{
    for (int i = 0; i < count; i++) {
        struct channel *c = cases[i].channel;
        channel_lock(c);
        if (cases[i].sends)
            gorocheck_sending(c);
        else
            gorocheck_receiving(c); /* @channel_select */
        channel_unlock(c);
    }
    for (;;) {
        int seen = channel_changes;
        for (int i = 0; i < count; i++) {
            channel_lock(cases[i].channel);
            bool done = channel_case_do(&cases[i]);
            if (done)
                channel_change(cases[i].channel);
            channel_unlock(cases[i].channel);
            for (int j = 0; j < count && done; j++)
                if (j != i)
                    gorocheck_gave_up(cases[j].channel);
            if (done)
                return i;
        }
        gorocheck_blocking(cases[count - 1].channel);
        channel_futex(&channel_changes, 0, seen, NULL);
    }
}

CHANNEL_HIDDEN void channel_close(struct channel *c)
{
    channel_lock(c);
    gorocheck_channel_close(c);
    c->closed = true;
    channel_change(c);
    channel_unlock(c);
}

#endif
