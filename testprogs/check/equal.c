/*
 * A random program that knows its own races, for testprogs/check/equal. Tasks read and write variables, mostly under the
 * lock that belongs to each, and log what they do, each in memory of its own; a lock hands out tickets, so that the log
 * tells in which order it went round. Afterwards main computes by vector clocks, from all accesses, which variables two
 * tasks raced on, and prints them: "v3 0 2". The recorder keeps only a part of the accesses; the analyzer must find the
 * same.
 *
 *     equal SEED
 *
 * equal.inc, made by the script, has the accesses: one function each, on a line of its own, and a table of them.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define TASKS     4
#define VARIABLES 12
#define LOCKS     3
#define STEPS     6000

#include "equal.inc" /* static void (*const accesses[TASKS][VARIABLES][2])(void) */

enum kind { READ, WRITE, LOCK, UNLOCK };

struct event {
    enum kind kind;
    unsigned which;
    unsigned long ticket;
};

struct log {
    struct event events[3 * STEPS];
    unsigned count;
    unsigned seed;
};

static pthread_mutex_t locks[LOCKS] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                       PTHREAD_MUTEX_INITIALIZER};
static unsigned long tickets[LOCKS];
static struct log logs[TASKS];

static unsigned any(struct log *log, unsigned below)
{
    log->seed = log->seed * 1103515245u + 12345u;
    return (log->seed >> 16 & 0x7fff) % below;
}

static void note(struct log *log, enum kind kind, unsigned which, unsigned long ticket)
{
    log->events[log->count++] = (struct event){kind, which, ticket};
}

static void *work(void *argument)
{
    unsigned task = (unsigned)(size_t)argument;
    struct log *log = &logs[task];
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned variable = any(log, VARIABLES), lock = variable % LOCKS, write = any(log, 3) == 0;
        int locked =
            any(log, 1200) != 0 || variable < LOCKS; /* the first ones are always guarded */
        if (locked) {
            pthread_mutex_lock(&locks[lock]);
            note(log, LOCK, lock, tickets[lock]++);
        }
        accesses[task][variable][write]();
        note(log, write ? WRITE : READ, variable, 0);
        if (locked) {
            note(log, UNLOCK, lock, 0);
            pthread_mutex_unlock(&locks[lock]);
        }
        if (any(log, 4) == 0)
            sched_yield();
    }
    return NULL;
}

/* ---- what the definition says ---- */

struct access {
    unsigned long clock;
    unsigned task, write;
};

static unsigned long clocks[TASKS][TASKS], lock_clocks[LOCKS][TASKS], next_ticket[LOCKS];
static struct access seen[VARIABLES][TASKS * STEPS];
static unsigned seen_count[VARIABLES];
static int raced[VARIABLES][TASKS][TASKS];

static void join(unsigned long *into, const unsigned long *from)
{
    for (unsigned t = 0; t < TASKS; t++)
        into[t] = from[t] > into[t] ? from[t] : into[t];
}

static void meet(unsigned task, unsigned variable, unsigned write)
{
    for (unsigned i = 0; i < seen_count[variable]; i++) {
        const struct access *other = &seen[variable][i];
        if ((write || other->write) && other->task != task &&
            other->clock > clocks[task][other->task])
            raced[variable][other->task < task ? other->task : task]
                 [other->task < task ? task : other->task] = 1;
    }
    seen[variable][seen_count[variable]++] = (struct access){clocks[task][task], task, write};
}

/* The next event of a task; 0 if it must wait for its turn at a lock. */
static int replay(unsigned task, const struct event *event)
{
    if (event->kind == LOCK) {
        if (event->ticket != next_ticket[event->which])
            return 0;
        join(clocks[task], lock_clocks[event->which]);
    } else if (event->kind == UNLOCK) {
        join(lock_clocks[event->which], clocks[task]);
        next_ticket[event->which]++;
        clocks[task][task]++;
    } else {
        meet(task, event->which, event->kind == WRITE);
    }
    return 1;
}

int main(int argc, char **argv)
{
    pthread_t tasks[TASKS];
    unsigned at[TASKS] = {0}, left = TASKS;
    for (unsigned t = 0; t < TASKS; t++) {
        logs[t].seed = (unsigned)(argc > 1 ? atoi(argv[1]) : 1) * TASKS + t;
        clocks[t][t] = 1;
    }
    for (size_t t = 0; t < TASKS; t++)
        if (pthread_create(&tasks[t], NULL, work, (void *)t))
            return 2;
    for (size_t t = 0; t < TASKS; t++)
        pthread_join(tasks[t], NULL);
    while (left) {
        left = 0;
        for (unsigned t = 0; t < TASKS; t++) {
            while (at[t] < logs[t].count && replay(t, &logs[t].events[at[t]]))
                at[t]++;
            left += at[t] < logs[t].count;
        }
    }
    for (unsigned v = 0; v < VARIABLES; v++)
        for (unsigned a = 0; a < TASKS; a++)
            for (unsigned b = a + 1; b < TASKS; b++)
                if (raced[v][a][b])
                    printf("v%u %u %u\n", v, a, b);
    return 0;
}
