/*
 * Which modules are patched: what patch= names, of the toolchain's libraries only what is asked for, of what the recorder
 * brought along only what the program uses itself.
 *
 * A library that is there for the recorder's sake alone (libunwind's liblzma) is not the program's: to patch it would cost
 * every process its time. So from the recorder on all libraries are looked at that it needs, and whether any other module
 * needs them too. dlopen may change that, so it is asked anew each time.
 */
#include "shim/patch_choose.h"

#include <link.h>

#include "shim/banned.h"
#include "shim/options.h"
#include "shim/raw.h"

#define OWN 16u /* libraries that the recorder needs, and these in turn; there are 8 */

struct names { /* of a module, from its dynamic section */
    const char *own;
    const char *strings;
    const ElfW(Dyn) * entries;
};

static struct {
    const struct link_map *map;
    bool shared; /* the program needs it too */
} own[OWN];
static uint32_t own_count;

const char *patch_last_component(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/')
            name = path + 1;
    return name;
}

static struct names names_of(const struct link_map *map)
{
    struct names names = {patch_last_component(map->l_name ? map->l_name : ""), NULL, map->l_ld};
    uintptr_t strings = 0;
    for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_STRTAB)
            strings = entry->d_un.d_ptr;
    if (strings && strings < map->l_addr) /* the vdso's are not relocated */
        strings += map->l_addr;
    names.strings = (const char *)strings;
    for (const ElfW(Dyn) *entry = map->l_ld; strings && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_SONAME)
            names.own = names.strings + entry->d_un.d_val;
    return names;
}

static uint32_t own_number(const struct link_map *map)
{
    uint32_t i = 0;
    while (i < own_count && own[i].map != map)
        i++;
    return i;
}

/* Calls back for each module that `map` needs. */
static bool needs(const struct link_map *map, const char *name)
{
    struct names names = names_of(map);
    for (const ElfW(Dyn) *entry = names.entries; names.strings && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED && raw_equal(names.strings + entry->d_un.d_val, name))
            return true;
    return false;
}

void patch_choose_begin(void)
{
    own_count = 0;
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next)
        if (map->l_ld == _DYNAMIC)
            own[own_count++].map = map;
    for (uint32_t i = 0; i < own_count; i++) {
        own[i].shared = false;
        for (const struct link_map *map = _r_debug.r_map; map && own_count < OWN; map = map->l_next)
            if (own_number(map) == own_count && needs(own[i].map, names_of(map).own))
                own[own_count++].map = map;
    }
    for (bool again = true; again;) {
        again = false;
        for (uint32_t i = 1; i < own_count; i++) {
            const char *name = names_of(own[i].map).own;
            for (const struct link_map *map = _r_debug.r_map; map && !own[i].shared;
                 map = map->l_next) {
                uint32_t other = own_number(map);
                own[i].shared = (other == own_count || own[other].shared) && needs(map, name);
                again |= own[i].shared;
            }
        }
    }
}

bool patch_choose_own(const void *dynamic)
{
    for (uint32_t i = 0; i < own_count; i++)
        if (own[i].map->l_ld == dynamic)
            return !own[i].shared;
    return false;
}

static bool starts(const char *name, const char *with)
{
    return raw_equal_n(name, with, raw_length(with));
}

/* The toolchain's own, and ours: patch=app leaves them alone. What libgomp orders is known: openmp.c. */
bool patch_choose_toolchain(const char *name)
{
    static const char *const names[] = {
        "ld-linux",   "libc.so", "libc-",      "libpthread", "libdl.",    "libm.so",
        "libm-",      "librt.",  "libutil.",   "libgcc_s",   "libstdc++", "libc++",
        "libresolv.", "libnss_", "linux-vdso", "libunwind",  "libZydis",  "libZycore",
        "libgomp",    "libtsan", "libasan",    "libubsan"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (starts(name, names[i]))
            return true;
    return false;
}

bool patch_choose_home(const char *name)
{
    return starts(name, "libc.so") || starts(name, "libc-") || starts(name, "libpthread");
}

static bool named(const char *name, const char *list)
{
    while (*list) {
        size_t length = 0;
        while (list[length] && list[length] != ',')
            length++;
        if (length && raw_equal_n(name, list, length))
            return true;
        list += length;
        list += *list == ',';
    }
    return false;
}

enum patch_choice patch_choose(const char *name, bool main, const void *dynamic)
{
    const char *option = shim_options.patch;
    bool never =
        starts(name, "ld-linux") || starts(name, "linux-vdso") ||
        starts(name, "libgo.so") || /* it has split stacks; see go.h for how it is observed */
        starts(name, "libgorocheck") || starts(name, "libZy") || starts(name, "libunwind");
    if (never || raw_equal(option, "none"))
        return PATCH_NOT;
    if (main ? raw_equal(option, "main") || named("main", option) || named(name, option)
             : named(name, option))
        return PATCH_NAMED;
    if (!main && patch_choose_own(dynamic))
        return PATCH_NOT;
    if (starts(name, "libatomic.so")) /* what it does is the program's own synchronisation */
        return PATCH_CHOSEN;
    if (raw_equal(option, "all")) /* the benign races of libgomp's own are for who names it */
        return starts(name, "libgomp") ? PATCH_NOT : PATCH_CHOSEN;
    return raw_equal(option, "app") && (main || !patch_choose_toolchain(name)) ? PATCH_CHOSEN
                                                                               : PATCH_NOT;
}
