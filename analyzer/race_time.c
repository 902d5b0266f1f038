/*
 * Moments: TIME records say that a task had come to a segment at a certain time. What lies between
 * two of them is known to have happened in between. Invariant: the moments of a visit go up in both
 * segment and time; there are never more than MOMENTS_MAX, since beyond that every other one goes.
 */
#include <stdlib.h>

#include "analyzer/memory.h"
#include "analyzer/race.h"

#define MOMENTS_MAX 32768u
#define SLACK       1000u /* ticks that the clocks of two cores may be apart: much more than they are */

void race_visit_free(struct race_visit *visit)
{
    free(visit->moments);
    free(visit);
}

void race_time_note(struct race_visit *visit, uint64_t segment, uint64_t tsc)
{
    if (visit->moment_count) {
        const struct race_moment *last = &visit->moments[visit->moment_count - 1];
        if (segment <= last->segment || tsc < last->tsc + visit->moment_gap)
            return; /* too many, or no time that can be */
    }
    if (visit->moment_count == MOMENTS_MAX) {
        uint32_t kept = 0;
        uint64_t whole = tsc - visit->moments[0].tsc;
        for (uint32_t i = 0; i < visit->moment_count; i += 2)
            visit->moments[kept++] = visit->moments[i];
        visit->moment_count = kept;
        visit->moment_gap = whole / (MOMENTS_MAX / 2);
    }
    MEMORY_GROW(visit->moments, visit->moment_count, visit->moment_capacity);
    visit->moments[visit->moment_count++] = (struct race_moment){segment, tsc};
}

/* The first moment of a visit beyond a segment (by_time false) or a time; NULL if there is none. */
static const struct race_moment *first_beyond(const struct race_visit *visit, uint64_t value,
                                              bool by_time)
{
    uint32_t low = 0, high = visit->moment_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct race_moment *moment = &visit->moments[middle];
        if ((by_time ? moment->tsc : moment->segment) <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < visit->moment_count ? &visit->moments[low] : NULL;
}

static const struct race_moment *find(const struct race_scan *scan, uint32_t task, uint64_t value,
                                      bool by_time)
{
    if (task >= scan->task_count)
        return NULL;
    for (uint32_t i = 0; i < scan->tasks[task].count; i++) {
        const struct race_moment *moment =
            first_beyond(scan->tasks[task].visits[i], value, by_time);
        if (moment)
            return moment;
    }
    return NULL;
}

uint64_t race_time_end(const struct race_scan *scan, uint32_t task, uint64_t segment)
{
    const struct race_moment *moment = find(scan, task, segment, false);
    return moment && moment->tsc < UINT64_MAX - SLACK ? moment->tsc + SLACK : UINT64_MAX;
}

uint64_t race_time_begin(const struct race_scan *scan, uint32_t task, uint64_t segment)
{
    uint64_t tsc = 0;
    if (task >= scan->task_count)
        return 0;
    for (uint32_t i = 0; i < scan->tasks[task].count; i++) {
        const struct race_visit *visit = scan->tasks[task].visits[i];
        const struct race_moment *beyond = first_beyond(visit, segment, false);
        uint32_t known = beyond ? (uint32_t)(beyond - visit->moments) : visit->moment_count;
        if (known)
            tsc = visit->moments[known - 1].tsc;
        if (beyond)
            break;
    }
    return tsc;
}

uint64_t race_time_apart(const struct race_scan *scan, uint32_t a, uint64_t a_segment, uint32_t b,
                         uint64_t b_segment)
{
    uint64_t a_end = race_time_end(scan, a, a_segment), b_end = race_time_end(scan, b, b_segment);
    uint64_t a_begin = race_time_begin(scan, a, a_segment),
             b_begin = race_time_begin(scan, b, b_segment);
    return a_begin > b_end ? a_begin - b_end : b_begin > a_end ? b_begin - a_end : 0;
}

uint64_t race_time_reached(const struct race_scan *scan, uint32_t task, uint64_t tsc)
{
    const struct race_moment *moment = find(scan, task, tsc, true);
    return moment ? moment->segment - 1 : UINT64_MAX;
}
