/*
 * Groups: lines that lie side by side and have only been accessed as one, by runs and ranges, have one history for all. Who
 * goes through large arrays would else have as much history as memory for each site: 64 bytes for a line and 64 for each
 * two entries of it.
 *
 * A group is a line of the same table, with a number of its own. It lasts as long as what comes is the same for all of its
 * lines: with the first access to a part of it, the first race, the first block that has a part of it (the small ones, too)
 * or that ends before an access to it, it is split, and each line gets what the group knew.
 *
 * Invariant: while a group is whole, its lines are not in the table. All its blocks are large and have all of it.
 */
#ifndef ANALYZER_RACE_GROUP_H
#define ANALYZER_RACE_GROUP_H

#include "analyzer/race.h"

#define RACE_GROUP_BITS  3u
#define RACE_GROUP_LINES (UINT64_C(1) << RACE_GROUP_BITS)
#define RACE_GROUP_BYTES (64 * RACE_GROUP_LINES)
#define RACE_GROUP       (UINT64_C(1) << 60) /* of a group's number as that of a line: no line has it */
static_assert(RACE_GROUP_BITS <= RACE_LINE_GROUP, "all lines of a group are of one shard");

/* The group with these lines (group * RACE_GROUP_LINES and up), NULL if there is none. */
struct race_line *race_group_find(const struct race_history *history, uint64_t group);
/* The same; it is made if its lines have no history yet. */
struct race_line *race_group_get(struct race_history *history, uint64_t group);
/* Its lines get each what it knows; false if there is no such group. */
bool race_group_split(struct race_history *history, uint64_t group);

/* Goes through the groups that lie in a block: by their numbers or, if that is less work, by the table. What is done with
 * one may split it; with the table it may then come to some of them twice. */
struct race_group_walk {
    uint64_t first, end, at, made;
    bool table;
};
struct race_group_walk race_group_walk(const struct race_history *history,
                                       const struct race_block *block);
struct race_line *race_group_next(const struct race_history *history, struct race_group_walk *walk);

/* race_block.c: links the large blocks that came since the group was last looked at; false if one of them has but a part
 * of it. */
bool race_group_catch_up(struct race_history *history, struct race_line *group);

/* race_check.c: checks an access to all lines of a group, `now` with its site; false if they are to be checked one by
 * one. */
bool race_check_group(struct race_history *history, const struct race_now *now, uint64_t group,
                      uint64_t mask);

#endif
