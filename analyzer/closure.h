/*
 * The what-if closure: happens-before as it would be if certain words of memory were flags, each
 * plain store to them a release and each plain load an acquire (which is what they are on x86-64).
 *
 * The trace does not tell which store a load saw. So a load is taken to be after every store that
 * it was not before, by happens-before or by the clock (race_time.c): the largest order that the
 * words could have made. What is unordered even so was not ordered by them; what is ordered may
 * have been.
 */
#ifndef ANALYZER_CLOSURE_H
#define ANALYZER_CLOSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/order.h"
#include "analyzer/race_watch.h"

struct closure_word {
    const struct race_watches *watches;
    const struct race_watch *watch;
};

struct closure;
/* The words stay the caller's. `steps`: how much work all queries together may make. */
struct closure *closure_new(const struct order *order, const struct race_scan *scan,
                            const struct closure_word *words, uint32_t count, uint64_t steps);
void closure_free(struct closure *closure);

/* The words that are taken to be flags: the first `common` ones and those from `first` to `end`. */
struct closure_choice {
    uint32_t common, first, end;
};

enum closure_answer {
    CLOSURE_UNORDERED,
    CLOSURE_UNKNOWN, /* edges were retired that might tell, or the steps are used up */
    CLOSURE_ORDERED,
};

/* Whether (a, a_segment) comes before (b, b_segment). If `path` is given, path[i] is set for each
 * word that led there. */
enum closure_answer closure_before(struct closure *closure, struct closure_choice choice,
                                   uint32_t a, uint64_t a_segment, uint32_t b, uint64_t b_segment,
                                   bool *path);
/* Whether a chosen word may have been loaded between the two, as far as times tell. If not, no word orders them, whichever
 * edges there were. */
bool closure_loaded(struct closure *closure, struct closure_choice choice,
                    const struct race_instance *instance);
/* From now on accesses of which only is known that they may have been (race_log.past) do not count,
 * or do again, as in the beginning. False if there are none, so that it makes no difference. */
bool closure_known_only(struct closure *closure, bool on);
/* From now on exact loads (race_log_exact()) are after those exact stores only that the trace tells. */
void closure_trust_exact(struct closure *closure);
bool closure_exhausted(const struct closure *closure);

#endif
