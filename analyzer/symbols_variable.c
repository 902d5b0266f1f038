/*
 * Addresses to variables: every global and static variable of a module that DWARF gives a fixed
 * address, sorted; within the one found, the path through arrays and members to the byte asked for.
 * Without DWARF the symbol table's name.
 */
#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/symbols_module.h"

#define NESTING_MAX 32u

/* ---- the index ---- */

/* A place that is a constant: an address, or with *local an offset in a thread's block. */
static bool constant_place(Dwarf_Die *die, uint64_t *place, bool *local)
{
    Dwarf_Attribute attribute, indirect;
    Dwarf_Op *ops;
    size_t count;
    Dwarf_Addr value;
    if (!dwarf_attr(die, DW_AT_location, &attribute) ||
        dwarf_getlocation(&attribute, &ops, &count) != 0 || count == 0 || count > 2)
        return false;
    *local = count == 2;
    if (*local && ops[1].atom != DW_OP_form_tls_address &&
        ops[1].atom != DW_OP_GNU_push_tls_address)
        return false;
    switch (ops[0].atom) {
    case DW_OP_const4u:
    case DW_OP_const8u:
        *place = ops[0].number;
        return *local;
    case DW_OP_addr:
        *place = ops[0].number;
        return true;
    case DW_OP_addrx:
    case DW_OP_GNU_addr_index:
        if (dwarf_getlocation_attr(&attribute, &ops[0], &indirect) != 0 ||
            dwarf_formaddr(&indirect, &value) != 0)
            return false;
        *place = value;
        return true;
    }
    return false;
}

bool symbols_die_type(Dwarf_Die *die, Dwarf_Die *type)
{
    Dwarf_Attribute attribute;
    return dwarf_attr_integrate(die, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, type);
}

static uint64_t type_size(Dwarf_Die *type)
{
    Dwarf_Word size = 0;
    return dwarf_aggregate_size(type, &size) == 0 ? size : 0;
}

static void index_variable(struct symbol_module *module, Dwarf_Die *die, uint64_t bias)
{
    uint64_t place;
    bool local;
    Dwarf_Die type;
    if (!constant_place(die, &place, &local) || !symbols_die_type(die, &type))
        return;
    uint64_t size = type_size(&type);
    struct symbol_variables *list = local ? &module->local : &module->fixed;
    MEMORY_GROW(list->items, list->count, list->capacity);
    list->items[list->count++] = (struct symbol_variable){.address = local ? place : place + bias,
                                                          .size = size ? size : 1,
                                                          .die = dwarf_dieoffset(die),
                                                          .dwarf = dwarf_cu_getdwarf(die->cu)};
}

/* Variables of a scope and of those within it, static ones of functions too. */
static void index_scope(struct symbol_module *module, Dwarf_Die *scope, uint64_t bias,
                        unsigned depth)
{
    Dwarf_Die die;
    if (depth > NESTING_MAX || dwarf_child(scope, &die) != 0)
        return;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_variable:
            index_variable(module, &die, bias);
            break;
        case DW_TAG_namespace:
        case DW_TAG_subprogram:
        case DW_TAG_lexical_block:
        case DW_TAG_inlined_subroutine:
        case DW_TAG_module:
            index_scope(module, &die, bias, depth + 1);
            break;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
}

static int compare_variables(const void *a, const void *b)
{
    const struct symbol_variable *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size;
}

static void sort_variables(struct symbol_variables *list)
{
    if (list->count)
        qsort(list->items, list->count, sizeof(*list->items), compare_variables);
}

static void index_module(struct symbol_module *module)
{
    Dwarf_Addr bias;
    Dwarf_Die *unit = NULL;
    if (module->indexed)
        return;
    module->indexed = true;
    while ((unit = dwfl_module_nextcu(module->module, unit, &bias)))
        index_scope(module, unit, bias, 0);
    sort_variables(&module->fixed);
    sort_variables(&module->local);
}

static const struct symbol_variable *find(const struct symbol_variables *list, uint64_t address)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->items[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct symbol_variable *variable = &list->items[low - 1];
    return address - variable->address < variable->size ? variable : NULL;
}

/* ---- the path ---- */

static void append(char **text, const char *more)
{
    char *longer = memory_format("%s%s", *text, more);
    free(*text);
    *text = longer;
}

/* Nobody wants to know what a mutex or an std::atomic is made of. */
static bool system_type(Dwarf_Die *type)
{
    const char *path = dwarf_decl_file(type);
    return path && symbols_system_file(path);
}

/* Appends "[2][3]" and leaves the rest of the offset and the element's type. */
static bool into_array(Dwarf_Die *type, uint64_t *offset, char **name)
{
    Dwarf_Die element, child;
    uint64_t counts[8];
    unsigned dimensions = 0;
    if (!symbols_die_type(type, &element) || dwarf_child(type, &child) != 0)
        return false;
    uint64_t size = type_size(&element);
    if (size == 0)
        return false;
    do {
        Dwarf_Attribute attribute;
        Dwarf_Word value;
        if (dwarf_tag(&child) != DW_TAG_subrange_type || dimensions == 8)
            continue;
        counts[dimensions] = 0;
        if (dwarf_formudata(dwarf_attr(&child, DW_AT_count, &attribute), &value) == 0)
            counts[dimensions] = value;
        else if (dwarf_formudata(dwarf_attr(&child, DW_AT_upper_bound, &attribute), &value) == 0)
            counts[dimensions] = value + 1;
        dimensions++;
    } while (dwarf_siblingof(&child, &child) == 0);
    uint64_t index = *offset / size, divisor = 1;
    for (unsigned i = 1; i < dimensions; i++)
        divisor *= counts[i] ? counts[i] : 1;
    for (unsigned i = 0; i < dimensions; i++) {
        char part[32];
        snprintf(part, sizeof(part), "[%llu]", (unsigned long long)(index / divisor));
        append(name, part);
        index %= divisor;
        if (i + 1 < dimensions)
            divisor /= counts[i + 1] ? counts[i + 1] : 1;
    }
    *offset %= size;
    *type = element;
    return dimensions > 0;
}

static bool member_place(Dwarf_Die *member, uint64_t *at)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    *at = 0;
    if (dwarf_formudata(dwarf_attr(member, DW_AT_data_member_location, &attribute), &value) == 0)
        *at = value;
    else if (dwarf_formudata(dwarf_attr(member, DW_AT_data_bit_offset, &attribute), &value) == 0)
        *at = value / 8;
    else if (dwarf_hasattr(member, DW_AT_data_member_location))
        return false; /* of a virtual base: computed at run time */
    return true;
}

/* Appends ".member" and goes on in it; base classes and members without a name add nothing. */
static bool into_member(Dwarf_Die *type, uint64_t *offset, char **name)
{
    Dwarf_Die child;
    if (dwarf_child(type, &child) != 0)
        return false;
    do {
        uint64_t at;
        Dwarf_Die inner;
        int tag = dwarf_tag(&child);
        if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || !member_place(&child, &at) ||
            !symbols_die_type(&child, &inner))
            continue;
        if (*offset < at || *offset - at >= type_size(&inner))
            continue;
        const char *text = tag == DW_TAG_member ? dwarf_diename(&child) : NULL;
        if (text) {
            append(name, ".");
            append(name, text);
        }
        *offset -= at;
        *type = inner;
        return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

/* Unions are not entered: nobody knows which of their members it was. */
bool symbols_into(Dwarf_Die *type, uint64_t *offset, char **name)
{
    int tag = dwarf_tag(type);
    if (tag == DW_TAG_array_type)
        return into_array(type, offset, name);
    if (tag == DW_TAG_structure_type || tag == DW_TAG_class_type)
        return !system_type(type) && into_member(type, offset, name);
    return false;
}

static void append_path(Dwarf_Die *variable, uint64_t offset, char **name)
{
    Dwarf_Die type;
    if (!symbols_die_type(variable, &type))
        return;
    for (unsigned depth = 0; depth < NESTING_MAX; depth++) {
        if (dwarf_peel_type(&type, &type) != 0 || !symbols_into(&type, &offset, name))
            return;
    }
}

/* ---- the question ---- */

static bool describe(struct symbols *symbols, const struct symbol_variable *found, uint64_t address,
                     struct variable *variable)
{
    Dwarf_Die die;
    Dwarf_Attribute attribute;
    if (!found || !dwarf_offdie(found->dwarf, found->die, &die))
        return false;
    const char *name = dwarf_formstring(dwarf_attr_integrate(&die, DW_AT_name, &attribute));
    if (!name)
        return false;
    variable->name = memory_text(name);
    variable->whole = strlen(name);
    append_path(&die, address - found->address, &variable->name);
    const char *path = dwarf_decl_file(&die);
    if (path) {
        Dwarf_Die unit;
        const char *directory = NULL;
        if (dwarf_diecu(&die, &unit, NULL, NULL))
            directory = dwarf_formstring(dwarf_attr(&unit, DW_AT_comp_dir, &attribute));
        variable->file = symbols_path(symbols, directory, path);
        dwarf_decl_line(&die, &variable->line);
    }
    variable->address = found->address;
    variable->size = found->size;
    return true;
}

static bool by_dwarf(struct symbols *symbols, struct symbol_module *module, uint64_t address,
                     struct variable *variable)
{
    index_module(module);
    return describe(symbols, find(&module->fixed, address), address, variable);
}

static bool by_symbol(const struct symbol_module *module, uint64_t address,
                      struct variable *variable)
{
    GElf_Sym symbol;
    GElf_Off offset;
    const char *name =
        dwfl_module_addrinfo(module->module, address, &offset, &symbol, NULL, NULL, NULL);
    if (!name || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT || offset >= symbol.st_size)
        return false;
    variable->name = symbols_demangle(name);
    variable->whole = strlen(variable->name);
    variable->address = address - offset;
    variable->size = symbol.st_size;
    return true;
}

bool symbols_variable_die(struct symbols *symbols, uint64_t address, Dwarf_Die *die,
                          uint64_t *offset)
{
    struct symbol_module *module = symbols_module(symbols, address);
    if (!module)
        return false;
    index_module(module);
    const struct symbol_variable *found = find(&module->fixed, address);
    if (!found || !dwarf_offdie(found->dwarf, found->die, die))
        return false;
    *offset = address - found->address;
    return true;
}

bool symbols_variable(struct symbols *symbols, uint64_t address, struct variable *variable)
{
    *variable = (struct variable){.name = NULL};
    struct symbol_module *module = symbols_module(symbols, address);
    if (!module)
        return false;
    if (!by_dwarf(symbols, module, address, variable) && !by_symbol(module, address, variable))
        return false;
    variable->module = memory_text(module->shown->path);
    return true;
}

char *symbols_section(struct symbols *symbols, uint64_t address)
{
    struct symbol_module *module = symbols_module(symbols, address);
    GElf_Addr bias;
    size_t names;
    Elf *elf = module ? dwfl_module_getelf(module->module, &bias) : NULL;
    if (!elf || elf_getshdrstrndx(elf, &names) != 0)
        return NULL;
    uint64_t place = address - module->shown->bias;
    const char *slash = strrchr(module->shown->path, '/');
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) ||
            (header.sh_flags & (SHF_ALLOC | SHF_WRITE | SHF_TLS)) != (SHF_ALLOC | SHF_WRITE) ||
            place < header.sh_addr || place - header.sh_addr >= header.sh_size)
            continue;
        const char *name = elf_strptr(elf, names, header.sh_name);
        return memory_format("%s+0x%llx (%s)", slash ? slash + 1 : module->shown->path,
                             (unsigned long long)place, name ? name : "data");
    }
    return NULL;
}

/* Size of the program's block of thread-local variables, as it lies below a thread's control block;
 * 0 if it has none. */
static uint64_t thread_block(const struct symbol_module *module)
{
    GElf_Addr bias;
    size_t count;
    Elf *elf = dwfl_module_getelf(module->module, &bias);
    if (!elf || elf_getphdrnum(elf, &count) != 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_TLS)
            continue;
        uint64_t align = header.p_align ? header.p_align : 1;
        return (header.p_memsz + align - 1) / align * align;
    }
    return 0;
}

bool symbols_thread_variable(struct symbols *symbols, uint64_t address, uint64_t handle,
                             struct variable *variable)
{
    *variable = (struct variable){.name = NULL};
    struct symbol_module *module = symbols_main(symbols);
    uint64_t size = module ? thread_block(module) : 0;
    if (address >= handle || handle - address > size)
        return false;
    index_module(module);
    uint64_t offset = address - (handle - size);
    if (!describe(symbols, find(&module->local, offset), offset, variable))
        return false;
    variable->address = address;
    variable->module = memory_text(module->shown->path);
    return true;
}

void variable_free(struct variable *variable)
{
    free(variable->name);
    free(variable->file);
    free(variable->module);
    *variable = (struct variable){.name = NULL};
}
