/*
 * The same work, in parts, on threads of their own. What no thread can be had for is done by the
 * caller, all such parts in turns, so that parts may wait for each other.
 */
#ifndef ANALYZER_CREW_H
#define ANALYZER_CREW_H

#include <stdbool.h>

struct crew {
    unsigned count; /* parts */
    void *data;
    /* Does a part of the work; false if it must wait for other parts before it is called again. */
    bool (*work)(void *data, unsigned part);
    void (*wait)(void *data, unsigned part); /* until then; may be NULL if `work` is never false */
    void (*tick)(
        void *data); /* called now and then by the thread that called crew_run; may be NULL */
};

void crew_run(const struct crew *crew);

#endif
