/*
 * See race_group.h.
 */
#include "analyzer/race_group.h"

struct race_line *race_group_find(const struct race_history *history, uint64_t group)
{
    if (!history->group_count)
        return NULL;
    struct race_line *line = race_line_find(history, group | RACE_GROUP);
    return line->line && !line->split ? line : NULL;
}

struct race_line *race_group_get(struct race_history *history, uint64_t group)
{
    struct race_line *line = race_group_find(history, group);
    if (line)
        return line;
    for (uint64_t i = 0; i < RACE_GROUP_LINES; i++)
        if (race_line_find(history, group * RACE_GROUP_LINES + i)->line)
            return NULL;
    if (race_line_find(history, group | RACE_GROUP)->line)
        return NULL; /* it was split, and there was no room for its lines */
    line = race_line_make(history, group | RACE_GROUP);
    if (!line)
        return NULL;
    history->group_count++;
    history->group_slots++;
    return line;
}

bool race_group_split(struct race_history *history, uint64_t group)
{
    struct race_line *found = race_group_find(history, group);
    if (!found)
        return false;
    struct race_line whole = *found;
    *found = (struct race_line){.line = whole.line, .split = true};
    history->group_count--;
    for (uint64_t i = 0; i < RACE_GROUP_LINES; i++) {
        struct race_line *line = race_line_make(history, group * RACE_GROUP_LINES + i);
        if (!line)
            continue; /* no memory: counted */
        line->large_seen = whole.large_seen;
        line->forgot = whole.forgot;
        race_line_copy_blocks(history, line, whole.blocks);
        for (uint32_t e = 0; e < whole.count; e++)
            race_entry_add(history, line, &race_line_entries(history, &whole)[e]);
        line->top = whole.top;
    }
    while (whole.count)
        race_entry_remove(history, &whole, whole.count - 1u);
    race_line_drop_blocks(history, &whole);
    return true;
}

struct race_group_walk race_group_walk(const struct race_history *history,
                                       const struct race_block *block)
{
    struct race_group_walk walk = {.first =
                                       (block->address + RACE_GROUP_BYTES - 1) / RACE_GROUP_BYTES,
                                   .end = (block->address + block->size) / RACE_GROUP_BYTES};
    if (!history->group_count || walk.end <= walk.first || !block->number)
        walk.end = walk.first; /* groups have large blocks alone */
    walk.table = walk.end - walk.first >= history->line_capacity;
    walk.at = walk.table ? 0 : walk.first;
    walk.made = history->tables_made;
    return walk;
}

#define GROUPS_AHEAD 8u

struct race_line *race_group_next(const struct race_history *history, struct race_group_walk *walk)
{
    if (walk->table && walk->made != history->tables_made) { /* once more from the beginning */
        walk->made = history->tables_made;
        walk->at = 0;
    }
    while (!walk->table && walk->at < walk->end) {
        __builtin_prefetch(race_line_slot(history, (walk->at + GROUPS_AHEAD) | RACE_GROUP));
        struct race_line *group = race_group_find(history, walk->at++);
        if (group)
            return group;
    }
    while (walk->table && walk->at < history->line_capacity) {
        struct race_line *line = &history->lines[walk->at++];
        uint64_t number = line->line - 1;
        if (line->line && number & RACE_GROUP && !line->split &&
            (number & ~RACE_GROUP) >= walk->first && (number & ~RACE_GROUP) < walk->end)
            return line;
    }
    return NULL;
}
