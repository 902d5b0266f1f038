/*
 * The table files of the trace (format.h): fixed-size slots in a range of addresses of their own (far.h), so that pointers
 * stay valid while a table grows. Anonymous memory until table_share() puts it into the trace directory; anonymous again after
 * table_unshare() in a fork child.
 */
#ifndef SHIM_TABLE_H
#define SHIM_TABLE_H

#include "shim/far.h"
#include "shim/shim.h"
#include "shim/spin.h"

struct table {
    const char *name;
    uint32_t kind; /* enum trace_file_kind */
    uint32_t slot_size;
    uint32_t capacity; /* slots that fit the range */
    struct far place;
    uint8_t *base;           /* address of the file's first byte */
    size_t mapped;           /* bytes usable now */
    volatile uint32_t count; /* slots given out, slot 0 included */
    bool shared;
    struct spin lock;
};

extern struct table table_process INNER, table_tasks INNER, table_objects INNER, table_stacks INNER,
    table_modules INNER;
#define TABLES(X) X(table_process) X(table_tasks) X(table_objects) X(table_stacks) X(table_modules)

bool table_setup(struct table *table);
/* The first of `slots` consecutive new slots, or 0 if there is no room. */
uint32_t table_take(struct table *table, uint32_t slots);
bool table_share(struct table *table);
bool table_unshare(struct table *table);

static inline void *table_slot(const struct table *table, uint32_t slot)
{
    return table->base + TRACE_TABLE_OFFSET + (size_t)slot * table->slot_size;
}

static inline struct trace_process *process_record(void)
{
    return (struct trace_process *)table_slot(&table_process, 0);
}

#endif
