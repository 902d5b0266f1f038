/*
 * Where in a copy is what: original pc <-> copy pc, and the program's registers at any point of a check. Read by signal
 * handlers: entries are only ever added, each complete before it is counted.
 *
 * A check begins with what it spills (patch_emit.c, spill()): these instructions are read back here, so that no table of
 * spills is needed. A spilled thing stays in patch_thread until the check ends, so whatever was spilled before the pc is
 * taken from there.
 */
#include "shim/patch_emit.h"
#include "shim/patch_lazy.h"

#include <sys/mman.h>
#include <sys/ucontext.h>

#include "shim/banned.h"
#include "shim/raw.h"

#define COPIES     4096u
#define RED_ZONE   128u
#define FLAGS_MASK 0x8d5u /* the six */

static struct patch_place_table tables[COPIES];
static volatile uint32_t table_count;

struct patch_place_table *patch_place_add(const struct patch_place_table *table)
{
    uint32_t i = 0;
    while (i < table_count && tables[i].low)
        i++;
    if (i == COPIES)
        return NULL;
    struct patch_place_table new = *table;
    new.high = new.copy_end = 0; /* nothing is in it before it is complete */
    tables[i] = new;
    __atomic_store_n(&tables[i].high, table->high, __ATOMIC_RELEASE);
    __atomic_store_n(&tables[i].copy_end, table->copy_end, __ATOMIC_RELEASE);
    if (i == table_count)
        __atomic_store_n(&table_count, table_count + 1, __ATOMIC_RELEASE);
    return &tables[i];
}

bool patch_place_map(struct patch_place_table *table, const struct patch_image *image, size_t more)
{
    size_t room = (size_t)image->instruction_count + 16 + more;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    table->places = raw_map(NULL, PATCH_PLACES_MOST * room * sizeof *table->places,
                            PROT_READ | PROT_WRITE, flags, -1, 0);
    table->misses = raw_map(NULL, PATCH_PIECES_MOST * room * sizeof *table->misses,
                            PROT_READ | PROT_WRITE, flags, -1, 0);
    table->room = room;
    table->low = (uintptr_t)image->text;
    table->high = table->low + image->size;
    return table->places && table->misses;
}

void patch_place_unmap(struct patch_place_table *table)
{
    if (table->places)
        raw2(SYS_munmap, table->places, PATCH_PLACES_MOST * table->room * sizeof *table->places);
    if (table->misses)
        raw2(SYS_munmap, table->misses, PATCH_PIECES_MOST * table->room * sizeof *table->misses);
}

void patch_place_forget(uintptr_t low)
{
    for (uint32_t i = 0; i < table_count; i++) {
        struct patch_place_table *table = &tables[i];
        if (table->low != low)
            continue;
        table->high = table->copy_end = 0;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        patch_place_unmap(table);
        *table = (struct patch_place_table){.low = 0};
    }
}

static const struct patch_place_table *table_of_copy(uintptr_t pc)
{
    uint32_t count = __atomic_load_n(&table_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++)
        if (pc >= tables[i].copy && pc < tables[i].copy_end)
            return &tables[i];
    return NULL;
}

/* The last place that begins at or before this offset of the copy; NULL: before the first. */
static const struct patch_place *place_before(const struct patch_place_table *table, uint32_t copy)
{
    uint32_t low = 0, high = table->place_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (table->places[middle].copy <= copy)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &table->places[low - 1] : NULL;
}

static const struct patch_miss *miss_before(const struct patch_place_table *table, uint32_t copy)
{
    uint32_t low = 0, high = table->miss_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (table->misses[middle].copy <= copy)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &table->misses[low - 1] : NULL;
}

/* The part of the copy that pc is in. Pieces behind a function lie between its last place and the next function's first. */
/* A piece in which the instruction has run already; NULL: this is no such piece. */
static const struct patch_miss *run_at(const struct patch_place_table *table, uint32_t copy)
{
    const struct patch_place *place = place_before(table, copy);
    const struct patch_miss *miss = miss_before(table, copy);
    return miss && miss->behind && (!place || place->copy <= miss->copy) ? miss : NULL;
}

static const struct patch_place *part_at(const struct patch_place_table *table, uint32_t copy)
{
    const struct patch_place *place = place_before(table, copy);
    const struct patch_miss *miss = miss_before(table, copy);
    if (!place || !miss || miss->copy < place->copy)
        return place;
    return place_before(table, miss->check);
}

static bool in_slots(const struct patch_place_table *table, uintptr_t pc)
{
    return pc - table->copy >= table->slots && pc - table->copy < table->slots_end;
}

static uint32_t slot_at(const struct patch_place_table *table, uintptr_t pc)
{
    return (uint32_t)(pc - table->copy - table->slots) / LAZY_SLOT;
}

uintptr_t patch_original(uintptr_t pc)
{
    const struct patch_place_table *table = table_of_copy(pc);
    if (table && in_slots(table, pc))
        return table->low + table->entries[slot_at(table, pc)];
    const struct patch_place *place = table ? part_at(table, (uint32_t)(pc - table->copy)) : NULL;
    return place ? table->low + place->original : 0;
}

uintptr_t patch_copy(uintptr_t pc)
{
    uint32_t count = __atomic_load_n(&table_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++) {
        const struct patch_place_table *table = &tables[i];
        if (pc < table->low || pc >= table->high)
            continue;
        uint32_t low = 0, high = table->place_count, wanted = (uint32_t)(pc - table->low);
        if (table->copied)
            return table->copied[wanted] ? table->low + (uintptr_t)(intptr_t)table->copied[wanted]
                                         : 0;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (table->places[middle].original < wanted)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < table->place_count && table->places[low].original == wanted)
            return table->copy + table->places[low].copy;
    }
    return 0;
}

/* ---- the program's registers ---- */

static const uint8_t number_to_greg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                           REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                           REG_R12, REG_R13, REG_R14, REG_R15};

extern const uint8_t patch_stub_light_saved[], patch_stub_light_up[], patch_stub_light_end[];
extern const uint8_t patch_stub_full_saved[], patch_stub_full_up[], patch_stub_full_end[];
extern const uint8_t patch_stub_lazy_saved[], patch_stub_lazy_up[], patch_stub_lazy_end[];

static bool within(uintptr_t pc, const uint8_t *low, const uint8_t *high)
{
    return pc >= (uintptr_t)low && pc < (uintptr_t)high;
}

bool patch_inside(uintptr_t pc)
{
    return table_of_copy(pc) || within(pc, patch_stub_light, patch_stub_light_end) ||
           within(pc, patch_stub_full, patch_stub_full_end) ||
           within(pc, patch_stub_lazy, patch_stub_lazy_end);
}

/* As they were when the stub was called. */
static void from_frame(long long *registers, const struct patch_frame *frame, bool full)
{
#define X(name, field) registers[name] = (long long)frame->field;
    X(REG_RAX, rax)
    X(REG_RCX, rcx)
    X(REG_RDX, rdx)
    X(REG_RSI, rsi)
    X(REG_RDI, rdi)
    X(REG_R8, r8)
    X(REG_R9, r9)
    X(REG_R10, r10)
    X(REG_R11, r11)
    X(REG_RBX, rbx)
    X(REG_RBP, rbp)
    X(REG_R12, r12)
    X(REG_R13, r13)
    X(REG_R14, r14)
    X(REG_R15, r15)
    X(REG_RIP, back)
#undef X
    if (full)
        registers[REG_EFL] = (long long)frame->flags;
    registers[REG_RSP] = (long long)(uintptr_t)(&frame->back + 1);
}

/* Out of the stub (or the C code behind it): to the instruction behind its call. */
static void leave_stub(long long *registers, const struct patch_frame *saved_at)
{
    uintptr_t pc = (uintptr_t)registers[REG_RIP];
    uint64_t *sp = (uint64_t *)registers[REG_RSP];
    bool lazy = within(pc, patch_stub_lazy, patch_stub_lazy_end);
    bool full = lazy || within(pc, patch_stub_full, patch_stub_full_end);
    if (!full && !within(pc, patch_stub_light, patch_stub_light_end)) {
        bool was_full = !patch_thread.site || patch_sites[patch_thread.site].action != PATCH_ACCESS;
        from_frame(registers, saved_at, was_full);
        return;
    }
    const uint8_t *start = lazy   ? patch_stub_lazy
                           : full ? patch_stub_full
                                  : patch_stub_light,
                  *saved = lazy   ? patch_stub_lazy_saved
                           : full ? patch_stub_full_saved
                                  : patch_stub_light_saved,
                  *up = lazy   ? patch_stub_lazy_up
                        : full ? patch_stub_full_up
                               : patch_stub_light_up;
    if (pc >= (uintptr_t)saved && pc <= (uintptr_t)up) {
        from_frame(registers, saved_at ? saved_at : (const struct patch_frame *)sp, full);
        return;
    }
    /* All registers are the program's; where is the return address? */
    uint64_t *back = sp;
    if (pc > (uintptr_t)start && pc < (uintptr_t)saved)
        back = full && pc == (uintptr_t)start + 1 ? sp + 1
                                                  : sp + offsetof(struct patch_frame, back) / 8;
    else if (full && pc > (uintptr_t)up && *(const uint8_t *)pc == 0x9d) { /* popfq */
        registers[REG_EFL] = (long long)sp[0];
        back = sp + 1;
    }
    registers[REG_RIP] = (long long)*back;
    registers[REG_RSP] = (long long)(uintptr_t)(back + 1);
}

static bool bytes_are(const uint8_t *code, const char *wanted, uint32_t count)
{
    return raw_equal_n((const char *)code, wanted, count);
}

/* Between going below the red zone and coming up again: at the call of the stub, or behind it. */
static bool below_red_zone(const uint8_t *code)
{
    return code[0] == 0xe8 || bytes_are(code, "\x48\x8d\xa4\x24\x80\0\0\0", 8);
}

static int32_t displacement_of(const uint8_t *field)
{
    int32_t value;
    raw_copy(&value, field, 4);
    return value;
}

/* Undoes what the check, or the piece of one, that starts at `start` has spilled by `pc`. */
static void undo_spills(long long *registers, const uint8_t *start, const uint8_t *pc)
{
    const uint8_t *at = start;
    if (bytes_are(at, "\x64\xc7\x04\x25", 4)) /* movl $0: an arrival */
        at += 12;
    uint64_t *words = &patch_thread.spill_a;
    int32_t flags_at = patch_thread_offset + (int32_t)offsetof(struct patch_thread, flags);
    for (;;) {
        if (at[0] == 0x64 && (at[1] & 0xfb) == 0x48 && at[2] == 0x89 && (at[3] & 0xc7) == 0x04 &&
            at[4] == 0x25) {
            uint32_t word = (uint32_t)(displacement_of(at + 5) - patch_thread_offset) / 8;
            if (word > 3)
                return;
            at += 9;
            uint32_t name = (at[-6] >> 3 & 7u) | (at[-8] & 4u) << 1;
            if (at <= pc)
                registers[number_to_greg[name]] = (long long)words[word];
        } else if (bytes_are(at, "\x9f\x0f\x90\xc0", 4)) {
            at += 4;
        } else if (bytes_are(at, "\x64\x89\x04\x25", 4) && displacement_of(at + 4) == flags_at) {
            at += 8;
            if (at > pc)
                return;
            uint64_t flags = patch_thread.flags >> 8 & 0xd5;
            flags |= patch_thread.flags & 1 ? 0x800 : 0;
            registers[REG_EFL] =
                (long long)(((uint64_t)registers[REG_EFL] & ~(uint64_t)FLAGS_MASK) | flags);
        } else {
            return;
        }
    }
}

/* At a slot: control has arrived there, and nothing else has happened. */
static uintptr_t rewind_slot(long long *registers, const struct patch_place_table *table,
                             bool called)
{
    uintptr_t pc = (uintptr_t)registers[REG_RIP];
    uint32_t slot = slot_at(table, pc);
    if (called || below_red_zone((const uint8_t *)pc))
        registers[REG_RSP] += RED_ZONE;
    registers[REG_RIP] = (long long)(table->low + table->entries[slot]);
    return table->copy + table->slots + (uintptr_t)slot * LAZY_SLOT + LAZY_ENTER;
}

uintptr_t patch_rewind(long long *registers, const struct patch_frame *frame)
{
    uintptr_t pc = (uintptr_t)registers[REG_RIP];
    const struct patch_place_table *table = table_of_copy(pc);
    bool called = !table;
    if (!table) {
        if (!patch_inside(pc) && !frame)
            return 0;
        leave_stub(registers, frame);
        pc = (uintptr_t)registers[REG_RIP];
        table = table_of_copy(pc);
        if (!table)
            return 0;
    }
    if (in_slots(table, pc))
        return rewind_slot(registers, table, called);
    const struct patch_place *place = part_at(table, (uint32_t)(pc - table->copy));
    if (!place) { /* the way to a stub at the head of the copy: the stub was called just now */
        const uint64_t *back = (const uint64_t *)registers[REG_RSP];
        registers[REG_RIP] = (long long)*back;
        registers[REG_RSP] = (long long)(uintptr_t)(back + 1);
        pc = *back;
        if (in_slots(table, pc))
            return rewind_slot(registers, table, true);
        place = part_at(table, (uint32_t)(pc - table->copy));
    }
    const struct patch_miss *run = run_at(table, (uint32_t)(pc - table->copy));
    if (run) {
        if (below_red_zone((const uint8_t *)pc))
            registers[REG_RSP] += RED_ZONE;
        registers[REG_RIP] = (long long)(table->low + run->next);
        return table->copy + run->behind;
    }
    if (place->kind == PLACE_SELF) {
        registers[REG_RIP] = (long long)(table->low + place->original);
        return pc;
    }
    if (below_red_zone((const uint8_t *)pc))
        registers[REG_RSP] += RED_ZONE;
    uintptr_t start = table->copy + place->copy;
    if (place->kind == PLACE_AFTER) { /* the instruction has run: what follows it comes next */
        registers[REG_RIP] = (long long)(table->low + place[1].original);
        return start;
    }
    undo_spills(registers, (const uint8_t *)start, (const uint8_t *)pc);
    const struct patch_miss *miss = miss_before(table, (uint32_t)(pc - table->copy));
    if (miss && miss->copy > place->copy && miss->next)
        undo_spills(registers, (const uint8_t *)table->copy + miss->next, (const uint8_t *)pc);
    if (miss && miss->copy > place->copy)
        undo_spills(registers, (const uint8_t *)table->copy + miss->copy, (const uint8_t *)pc);
    registers[REG_RIP] = (long long)(table->low + place->original);
    return start;
}
