/*
 * Functions of a language's runtime (libstdc++, libgomp) that comes after the recorder: a C program loads a plugin in C++,
 * maybe out of the global scope. dlsym and dlopen would find them, but under the dynamic linker's lock, which dlopen holds
 * while it runs constructors; and a constructor may wait for the very thread that needs the function. So they are looked up
 * here, in the tables of the library itself, and the list of modules is read under the lock on that list alone, which nobody
 * holds while something of the program runs.
 *
 * What was found is kept as a pointer, so its library has to stay: each one that has come is opened once more when the
 * dlopen that brought it is over (loader.c). To open it before that would be to run its constructors before it is relocated.
 */
#include "shim/late.h"

#include <dlfcn.h>
#include <link.h>

#include "shim/module.h"

#include "shim/banned.h"
#include "shim/raw.h"

struct tables {
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *hash; /* DT_GNU_HASH */
    const ElfW(Half) * versions;
};

struct search {
    const char *name;
    void *found;
};

static const char *last_component(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/')
            name = path + 1;
    return name;
}

bool late_is_cxx(const char *path)
{
    const char *name = last_component(path);
    return raw_equal_n(name, "libstdc++", 9) || raw_equal_n(name, "libc++", 6);
}

static bool is_runtime(const char *path)
{
    return late_is_cxx(path) || raw_equal_n(last_component(path), "libgomp", 7);
}

static struct tables tables_of(const struct dl_phdr_info *info)
{
    struct tables tables = {NULL, NULL, NULL, NULL};
    const ElfW(Dyn) *entry = NULL;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entry = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    for (; entry && entry->d_tag != DT_NULL; entry++) {
        uintptr_t value = entry->d_un.d_ptr;
        if (value < info->dlpi_addr)
            value += info->dlpi_addr;
        if (entry->d_tag == DT_SYMTAB)
            tables.symbols = (const ElfW(Sym) *)value;
        else if (entry->d_tag == DT_STRTAB)
            tables.strings = (const char *)value;
        else if (entry->d_tag == DT_GNU_HASH)
            tables.hash = (const uint32_t *)value;
        else if (entry->d_tag == DT_VERSYM)
            tables.versions = (const ElfW(Half) *)value;
    }
    return tables;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

/* Of several versions the one that who is linked today gets. */
static bool fits(const struct tables *tables, uint32_t i, const char *name)
{
    const ElfW(Sym) *symbol = &tables->symbols[i];
    return symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
           !(tables->versions && tables->versions[i] & 0x8000) &&
           raw_equal(tables->strings + symbol->st_name, name);
}

/* Number of the symbol, 0 if it is not there. */
static uint32_t symbol_number(const struct tables *tables, const char *name)
{
    if (!tables->symbols || !tables->strings || !tables->hash)
        return 0;
    uint32_t buckets = tables->hash[0], first = tables->hash[1], words = tables->hash[2];
    const uint32_t *bucket = tables->hash + 4 + 2 * (size_t)words, *chain = bucket + buckets;
    uint32_t hash = hash_of(name), i = buckets ? bucket[hash % buckets] : 0;
    for (; i >= first && i; i++) {
        uint32_t word = chain[i - first];
        if ((word | 1) == (hash | 1) && fits(tables, i, name))
            return i;
        if (word & 1)
            return 0;
    }
    return 0;
}

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    struct search *search = data;
    if (!info->dlpi_name || !is_runtime(info->dlpi_name))
        return 0;
    const struct tables tables = tables_of(info);
    uint32_t i = symbol_number(&tables, search->name);
    if (i)
        search->found = (void *)(info->dlpi_addr + tables.symbols[i].st_value);
    return search->found != NULL;
}

void *late_find(const char *name)
{
    struct search search = {name, NULL};
    struct thread *thread = thread_enter(); /* how it is looked for is not recorded */
    module_iterate(visit, &search);
    if (thread)
        thread_leave(thread);
    return search.found;
}

void late_keep(void)
{
    static uint32_t known;
    uint32_t count = 0;
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next)
        count++;
    if (count == known)
        return;
    known = count; /* what is called now comes here again */
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next)
        if (is_runtime(map->l_name))
            dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
}
