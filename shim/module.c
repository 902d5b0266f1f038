/*
 * The modules file, kept by asking the dynamic linker when its counters say that something changed. dlopen itself is not
 * interposed: the host's dlopen must see its real caller.
 */
#include "shim/module.h"

#include <dlfcn.h>
#include <link.h>

#include "shim/access.h"
#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/stack.h"
#include "shim/table.h"

static unsigned long long seen_adds, seen_subs;
static struct spin modules_lock;

/*
 * Ranges of modules whose accesses are recorded. One whose module is gone has no bytes, and is the next one's that comes.
 * What is looked for is known by page: page, generation of the ranges, number of the range or 0.
 */
#define INSTRUMENTED    (1u << 14) /* as many as there are modules */
#define PAGES           256u
#define NUMBER_BITS     15u
#define GENERATION_BITS 14u
static struct range {
    uintptr_t low;
    size_t size;
    bool patched;
} instrumented[INSTRUMENTED];
static uint32_t instrumented_count, instrumented_generation;
static uint64_t instrumented_pages[PAGES];

static struct trace_module *module_slot(uint32_t slot)
{
    return table_slot(&table_modules, slot);
}

static uint64_t range_number(uintptr_t pc)
{
    uint32_t count = __atomic_load_n(&instrumented_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++) {
        size_t size = __atomic_load_n(&instrumented[i].size, __ATOMIC_ACQUIRE);
        if (pc - instrumented[i].low < size)
            return i + 1;
    }
    return 0;
}

static const struct range *range_of(uintptr_t pc)
{
    uint64_t page = pc >> 12;
    uint64_t generation =
        __atomic_load_n(&instrumented_generation, __ATOMIC_ACQUIRE) % (1u << GENERATION_BITS);
    uint64_t key = page << GENERATION_BITS | generation;
    uint64_t known = __atomic_load_n(&instrumented_pages[page % PAGES], __ATOMIC_RELAXED);
    if (UNLIKELY(known >> NUMBER_BITS != key)) {
        known = key << NUMBER_BITS | range_number(pc);
        __atomic_store_n(&instrumented_pages[page % PAGES], known, __ATOMIC_RELAXED);
    }
    uint64_t number = known % (1u << NUMBER_BITS);
    return number ? &instrumented[number - 1] : NULL;
}

/* What was known is of another generation now. */
static void ranges_changed(void)
{
    __atomic_fetch_add(&instrumented_generation, 1, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < PAGES; i++)
        __atomic_store_n(&instrumented_pages[i], 0, __ATOMIC_RELAXED);
}

bool module_instrumented(uintptr_t pc)
{
    return range_of(pc);
}

bool module_patched(uintptr_t pc)
{
    const struct range *range = range_of(pc);
    return range && range->patched;
}

static void range_add(const struct trace_module *module, bool patched)
{
    uint32_t i = 0;
    while (i < instrumented_count && instrumented[i].size)
        i++;
    if (i == INSTRUMENTED)
        return;
    instrumented[i].low = module->low;
    instrumented[i].patched = patched;
    __atomic_store_n(&instrumented[i].size, module->high - module->low, __ATOMIC_RELEASE);
    if (i == instrumented_count)
        __atomic_store_n(&instrumented_count, i + 1, __ATOMIC_RELEASE);
    ranges_changed();
}

bool module_holds(uintptr_t address)
{
    uint32_t count = table_modules.count;
    for (uint32_t i = 1; i < count; i++) {
        const struct trace_module *module = module_slot(i);
        if (!module->unload_tsc && address >= module->low && address < module->high)
            return true;
    }
    return false;
}

#define GO_BUILD_ID 4u /* type of a note by "Go": cmd/internal/buildid */

static void module_notes(struct trace_module *module, uintptr_t notes, size_t size)
{
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= size;) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(notes + at);
        size_t name = (note->n_namesz + 3u) & ~3u, value = (note->n_descsz + 3u) & ~3u;
        if (at + sizeof *note + name + value > size)
            return;
        const char *text = (const char *)(note + 1);
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && raw_equal_n(text, "GNU", 4) &&
            note->n_descsz <= sizeof module->build_id) {
            raw_copy(module->build_id, text + name, note->n_descsz);
            module->build_id_size = note->n_descsz;
        }
        if (note->n_type == GO_BUILD_ID && note->n_namesz == 4 && raw_equal_n(text, "Go", 3))
            module->flags |= TRACE_MODULE_GO;
        at += sizeof *note + name + value;
    }
}

static void module_path(struct trace_module *module, const char *name)
{
    char buffer[sizeof module->path];
    size_t used = 0;
    buffer[0] = 0;
    if (!name || !name[0]) {
        raw_append(buffer, sizeof buffer, &used, process_record()->executable);
        module->flags |= TRACE_MODULE_MAIN;
    } else {
        if (name[0] != '/' && name[0] != '[' && !raw_equal_n(name, "linux-", 6)) {
            raw_append(buffer, sizeof buffer, &used, process_record()->directory);
            raw_append(buffer, sizeof buffer, &used, "/");
        }
        raw_append(buffer, sizeof buffer, &used, name);
    }
    if (used + 1 == sizeof buffer)
        module->flags |= TRACE_MODULE_TRUNCATED;
    raw_copy(module->path, buffer, used + 1);
}

/* Instrumented code imports __tsan_init. The imports are the symbols before those that the GNU hash table covers. */
static bool module_imports_tsan(const struct dl_phdr_info *info)
{
    const ElfW(Dyn) *dynamic = NULL;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            dynamic = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    uintptr_t symbols = 0, strings = 0, gnu = 0, sysv = 0;
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
        uintptr_t value = dynamic->d_un.d_ptr;
        if (value < info->dlpi_addr) /* the vdso's, and on some systems all, are not relocated */
            value += info->dlpi_addr;
        symbols = dynamic->d_tag == DT_SYMTAB ? value : symbols;
        strings = dynamic->d_tag == DT_STRTAB ? value : strings;
        gnu = dynamic->d_tag == DT_GNU_HASH ? value : gnu;
        sysv = dynamic->d_tag == DT_HASH ? value : sysv;
    }
    if (!symbols || !strings || (!gnu && !sysv))
        return false;
    uint32_t count = gnu ? ((const uint32_t *)gnu)[1] : ((const uint32_t *)sysv)[1];
    for (uint32_t i = 1; i < count; i++) {
        const ElfW(Sym) *symbol = (const ElfW(Sym) *)symbols + i;
        if (symbol->st_shndx == SHN_UNDEF &&
            raw_equal((const char *)strings + symbol->st_name, "__tsan_init"))
            return true;
    }
    return false;
}

static void module_instrument(struct trace_module *module)
{
    module->flags |= TRACE_MODULE_ABI;
    process_record()->flags |= TRACE_PROCESS_ACCESSES;
    range_add(module, false);
}

struct trace_module *module_at(uintptr_t pc)
{
    for (uint32_t i = 1; i < table_modules.count; i++) {
        struct trace_module *module = module_slot(i);
        if (module->state && !module->unload_tsc && pc >= module->low && pc < module->high)
            return module;
    }
    return NULL;
}

struct trace_module *module_patch(uintptr_t pc)
{
    struct trace_module *module = module_at(pc);
    if (module) {
        process_record()->flags |= TRACE_PROCESS_ACCESSES;
        range_add(module, true);
    }
    return module;
}

/*
 * A slot for it; 0: there is none. When all have been given away it may have that of the same module, which was there before,
 * as long as nothing else was there since.
 */
static uint32_t module_keep(const struct trace_module *module)
{
    uint32_t slot = table_take(&table_modules, 1);
    if (slot) {
        raw_copy(module_slot(slot), module, sizeof *module);
        return slot;
    }
    slot = table_modules.count - 1;
    while (slot &&
           (module_slot(slot)->high <= module->low || module_slot(slot)->low >= module->high))
        slot--;
    struct trace_module *before = slot ? module_slot(slot) : NULL;
    if (!before || before->low != module->low || before->high != module->high ||
        !raw_equal(before->path, module->path) ||
        !raw_equal_n((const char *)before->build_id, (const char *)module->build_id,
                     sizeof module->build_id))
        return 0;
    before->unload_tsc = 0;
    return slot;
}

static int module_visit(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    uint8_t *present = data;
    uintptr_t low = UINTPTR_MAX, high = 0;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD)
            continue;
        uintptr_t from = info->dlpi_addr + header->p_vaddr, to = from + header->p_memsz;
        low = from < low ? from : low;
        high = to > high ? to : high;
    }
    if (high <= low)
        return 0;
    uint32_t count = table_modules.count;
    for (uint32_t i = 1; i < count; i++) {
        const struct trace_module *module = module_slot(i);
        if (module->low == low && module->high == high && !module->unload_tsc) {
            present[i / 8] |= (uint8_t)(1u << i % 8);
            return 0;
        }
    }
    struct trace_module module = {
        .low = low, .high = high, .bias = info->dlpi_addr, .load_tsc = tsc_now()};
    module_path(&module, info->dlpi_name);
    uintptr_t ours = (uintptr_t)&module_visit;
    if (ours >= low && ours < high)
        module.flags |= TRACE_MODULE_RUNTIME;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_NOTE)
            module_notes(&module, info->dlpi_addr + info->dlpi_phdr[i].p_vaddr,
                         info->dlpi_phdr[i].p_memsz);
    uint32_t slot = module_keep(&module);
    if (!slot) { /* none of the others has gone for that */
        __atomic_fetch_add(&process_record()->lost_access, 1, __ATOMIC_RELAXED);
        return 0;
    }
    if (!(module.flags & TRACE_MODULE_RUNTIME) && module_imports_tsan(info))
        module_instrument(module_slot(slot));
    __asm__ volatile("" ::: "memory");
    module_slot(slot)->state = 1;
    present[slot / 8] |= (uint8_t)(1u << slot % 8);
    return 0;
}

static int module_counters(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    unsigned long long *counters = data;
    counters[0] = info->dlpi_adds;
    counters[1] = info->dlpi_subs;
    return 1;
}

/* A module that went away: its addresses may be another's tomorrow. */
static void module_gone(struct trace_module *module)
{
    module->unload_tsc = tsc_now();
    for (uint32_t i = 0; i < instrumented_count; i++)
        if (instrumented[i].low == module->low)
            __atomic_store_n(&instrumented[i].size, 0, __ATOMIC_RELEASE);
    ranges_changed();
}

bool module_main_is_go(void)
{
    for (uint32_t i = 1; i < table_modules.count; i++)
        if (module_slot(i)->flags & TRACE_MODULE_MAIN)
            return module_slot(i)->flags & TRACE_MODULE_GO;
    return false;
}

int module_iterate(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data)
{
    static __typeof__(&dl_iterate_phdr) next;
    if (UNLIKELY(!next))
        *(void **)(void *)&next = dlsym(RTLD_NEXT, "dl_iterate_phdr");
    return next(callback, data);
}

/* dlmopen's: dl_iterate_phdr tells a module of those in its own namespace only. */
void module_namespaces(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data)
{
    const struct r_debug_extended *space = (const struct r_debug_extended *)&_r_debug;
    if (_r_debug.r_version < 2)
        return;
    while ((space = space->r_next) != NULL)
        for (const struct link_map *map = space->base.r_map; map; map = map->l_next) {
            const ElfW(Ehdr) *file = (const ElfW(Ehdr) *)map->l_addr;
            uint8_t resident;
            if (!file || raw3(SYS_mincore, file, sizeof *file, &resident) != 0 || /* none there */
                !raw_equal_n((const char *)file, ELFMAG, SELFMAG))
                continue;
            struct dl_phdr_info info = {
                .dlpi_addr = map->l_addr,
                .dlpi_name = map->l_name,
                .dlpi_phdr = (const ElfW(Phdr) *)(map->l_addr + file->e_phoff),
                .dlpi_phnum = file->e_phnum,
            };
            callback(&info, sizeof info, data);
        }
}

/* Once, under the dynamic linker's lock: who holds that may come here while another thread waits for it, so ours is the inner one. */
static int module_look(struct dl_phdr_info *info, size_t size, void *data)
{
    static uint8_t present[(1u << 14) / 8];
    (void)size;
    (void)data;
    spin_lock(&modules_lock);
    seen_adds = info->dlpi_adds;
    seen_subs = info->dlpi_subs;
    raw_zero(present, sizeof present);
    module_iterate(module_visit, present);
    module_namespaces(module_visit, present);
    for (uint32_t i = 1; i < table_modules.count; i++)
        if (!(present[i / 8] & 1u << i % 8) && !module_slot(i)->unload_tsc)
            module_gone(module_slot(i));
    spin_unlock(&modules_lock);
    return 1;
}

void module_refresh(void)
{
    unsigned long long now[2] = {0, 0};
    module_iterate(module_counters, now);
    if (now[0] != seen_adds || now[1] != seen_subs)
        module_iterate(module_look, NULL);
}

bool module_text_has(struct module_text *text, uintptr_t function, uintptr_t pc)
{
    if (UNLIKELY(!__atomic_load_n(&text->high, __ATOMIC_ACQUIRE))) {
        const struct trace_module *module = module_at(function);
        if (!module)
            return false;
        text->low = module->low;
        __atomic_store_n(&text->high, module->high, __ATOMIC_RELEASE);
    }
    return pc >= text->low && pc < text->high;
}

/*
 * What the program does in its own walk over modules is done under the dynamic linker's lock. The recorder takes that lock
 * too, in the unwinder and above, while the program may hold any of its own: so it does not while somebody walks. (Nor
 * does it wait for the unwinder's own walks, which are made under the unwinder's lock.)
 */
static void walk_end(void **unused)
{
    (void)unused;
    stack_walk_end();
}

EXPORT int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data)
{
    if (stack_in_unwinder((uintptr_t)callback))
        return module_iterate(callback, data);
    __attribute__((cleanup(walk_end))) void *left = data; /* by an exception, too */
    stack_walk_begin();
    return module_iterate(callback, left);
}

void module_fork_child(void)
{
    spin_reset(&modules_lock);
}
