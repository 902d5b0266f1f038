/*
 * Growth and sharing of the table files. Invariant: base[0..mapped) is readable and writable; what is beyond is not
 * touched; a shared table's file is reserved on disk as far as it is mapped.
 */
#include "shim/table.h"

#include <errno.h>
#include <sys/mman.h>

#include "shim/apart.h"
#include "shim/banned.h"
#include "shim/directory.h"
#include "shim/raw.h"

#define STEP ((size_t)64 << 10)

struct table table_process = {.name = "process",
                              .kind = TRACE_FILE_PROCESS,
                              .slot_size = sizeof(struct trace_process),
                              .capacity = 1,
                              .count = 1};
struct table table_tasks = {.name = "tasks",
                            .kind = TRACE_FILE_TASKS,
                            .slot_size = sizeof(struct trace_task),
                            .capacity = 1u << 21,
                            .count = 1};
struct table table_objects = {.name = "objects",
                              .kind = TRACE_FILE_OBJECTS,
                              .slot_size = sizeof(struct trace_object),
                              .capacity = 1u << TRACE_OBJECT_SLOT_BITS,
                              .count = 1};
struct table table_stacks = {.name = "stacks",
                             .kind = TRACE_FILE_STACKS,
                             .slot_size = sizeof(uint64_t),
                             .capacity = 1u << 25,
                             .count = 1};
struct table table_modules = {.name = "modules",
                              .kind = TRACE_FILE_MODULES,
                              .slot_size = sizeof(struct trace_module),
                              .capacity = 1u << 14,
                              .count = 1};

static size_t table_reach(const struct table *table)
{
    size_t bytes = TRACE_TABLE_OFFSET + (size_t)table->slot_size * table->capacity;
    return (bytes + STEP - 1) / STEP * STEP;
}

struct growth {
    struct table *table;
    size_t from, to;
    int error;
};

static void table_map(void *data)
{
    struct growth *growth = data;
    struct table *table = growth->table;
    int fd = -1, error = 0;
    if (table->shared) {
        fd = directory_file(table->name, false);
        error = fd < 0 ? fd : directory_reserve(fd, growth->from, growth->to - growth->from);
    }
    if (error == 0 && !far_map(&table->place, growth->from, growth->to, fd))
        error = -ENOMEM;
    if (fd >= 0)
        raw1(SYS_close, fd);
    if (error)
        directory_lost(-error);
    growth->error = error;
}

static bool table_grow(struct table *table, size_t to)
{
    struct growth growth = {.table = table, .from = table->mapped, .to = to};
    if (table->shared)
        apart(table_map, &growth);
    else
        table_map(&growth);
    return growth.error == 0;
}

bool table_setup(struct table *table)
{
    size_t first = table->kind == TRACE_FILE_PROCESS ? 8192 : 16384;
    if (!far_find(&table->place, table_reach(table)) || !far_map(&table->place, 0, first, -1))
        return false;
    table->base = table->place.base;
    table->mapped = first;
    return true;
}

uint32_t table_take(struct table *table, uint32_t slots)
{
    uint32_t slot = 0;
    spin_lock(&table->lock);
    size_t need = TRACE_TABLE_OFFSET + ((size_t)table->count + slots) * table->slot_size;
    bool room = table->count + slots <= table->capacity;
    if (room && need > table->mapped) {
        size_t more = table->mapped < STEP
                          ? STEP
                          : table->mapped + (table->mapped < 16 * STEP ? STEP : 8 * STEP);
        if (more > table_reach(table))
            more = table_reach(table);
        room = more >= need && table_grow(table, more);
        if (room)
            table->mapped = more;
    }
    if (room) {
        slot = table->count;
        table->count += slots;
    }
    spin_unlock(&table->lock);
    return slot;
}

bool table_share(struct table *table)
{
    int fd = directory_file(table->name, true);
    if (fd < 0) {
        directory_lost(-fd);
        return false;
    }
    directory_header((struct trace_file_header *)table->base, table->kind, table->slot_size, 0);
    int error = directory_reserve(fd, 0, table->mapped);
    long written = error ? error : raw4(SYS_pwrite64, fd, table->base, table->mapped, 0);
    bool good =
        written == (long)table->mapped &&
        raw_map(table->base, table->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    raw1(SYS_close, fd);
    if (good)
        table->shared = true;
    else
        directory_lost(written < 0 ? (int)-written : 0);
    return good;
}

bool table_unshare(struct table *table)
{
    spin_reset(&table->lock);
    if (!table->shared)
        return true;
    table->shared = false;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *copy = raw_map(NULL, table->mapped, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (!copy)
        return false;
    size_t used = TRACE_TABLE_OFFSET + (size_t)table->count * table->slot_size;
    raw_copy(copy, table->base, used < table->mapped ? used : table->mapped);
    long moved = raw5(SYS_mremap, copy, table->mapped, table->mapped, MREMAP_MAYMOVE | MREMAP_FIXED,
                      table->base);
    return !RAW_FAILED(moved);
}
