/*
 * What the debug information says of how an object may be accessed, and of who compiled an
 * instruction. For machine code nobody instrumented this is all there is: a store is the same
 * instruction whether the source says `x = 1` or atomic_store_explicit(&x, 1, ...).
 */
#include <dwarf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/symbols_module.h"

#define NESTING_MAX 32u

/* ---- types ---- */

static bool starts_with(const char *text, const char *start)
{
    return text && strncmp(text, start, strlen(start)) == 0;
}

/* std::atomic<T>, what it is made of, and C's atomic_int where DWARF has no word for _Atomic. */
static bool atomic_name(const char *name)
{
    return starts_with(name, "atomic") || starts_with(name, "__atomic_") ||
           starts_with(name, "_Atomic");
}

static bool of_system(Dwarf_Die *type)
{
    const char *path = dwarf_decl_file(type);
    return path && symbols_system_file(path);
}

/* gcc has no word for _Atomic before DWARF 5. */
static bool knows_atomic(Dwarf_Die *die)
{
    Dwarf_Half version = 0;
    return dwarf_cu_info(die->cu, &version, NULL, NULL, NULL, NULL, NULL, NULL) == 0 &&
           version >= 5;
}

static enum object_kind kind_of(Dwarf_Die *variable, uint64_t offset)
{
    Dwarf_Die type;
    bool is_volatile = false, known = knows_atomic(variable);
    char *name = memory_text("");
    enum object_kind kind = OBJECT_UNKNOWN;
    bool more = symbols_die_type(variable, &type);
    for (unsigned depth = 0; more && depth < NESTING_MAX; depth++) {
        more = false;
        switch (dwarf_tag(&type)) {
        case DW_TAG_atomic_type:
            kind = OBJECT_ATOMIC;
            break;
        case DW_TAG_volatile_type:
            is_volatile = true;
            more = symbols_die_type(&type, &type);
            break;
        case DW_TAG_typedef:
            if (of_system(&type) && atomic_name(dwarf_diename(&type))) {
                kind = OBJECT_ATOMIC;
                break;
            }
            more = symbols_die_type(&type, &type);
            break;
        case DW_TAG_const_type:
        case DW_TAG_restrict_type:
            more = symbols_die_type(&type, &type);
            break;
        case DW_TAG_structure_type:
        case DW_TAG_class_type:
            if (of_system(&type) && atomic_name(dwarf_diename(&type)))
                kind = OBJECT_ATOMIC;
            else
                more = symbols_into(&type, &offset, &name);
            break;
        case DW_TAG_array_type:
            more = symbols_into(&type, &offset, &name);
            break;
        case DW_TAG_base_type:
        case DW_TAG_pointer_type:
        case DW_TAG_enumeration_type:
            kind = is_volatile ? OBJECT_VOLATILE : known ? OBJECT_PLAIN : OBJECT_UNKNOWN;
            break;
        }
    }
    free(name);
    return kind;
}

enum object_kind symbols_object_kind(struct symbols *symbols, uint64_t address)
{
    Dwarf_Die variable;
    uint64_t offset;
    if (!symbols_variable_die(symbols, address, &variable, &offset) || of_system(&variable))
        return OBJECT_UNKNOWN;
    return kind_of(&variable, offset);
}

static bool qualified(Dwarf_Die *scope, unsigned depth)
{
    Dwarf_Die die;
    if (dwarf_child(scope, &die) != 0)
        return false;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_volatile_type:
        case DW_TAG_atomic_type:
            return true;
        case DW_TAG_typedef:
        case DW_TAG_structure_type:
        case DW_TAG_class_type:
            if (atomic_name(dwarf_diename(&die)))
                return true;
            break;
        }
        if (depth < 4 && dwarf_tag(&die) != DW_TAG_subprogram && qualified(&die, depth + 1))
            return true;
    } while (dwarf_siblingof(&die, &die) == 0);
    return false;
}

bool symbols_only_plain(struct symbols *symbols, uint64_t pc)
{
    Dwarf_Addr bias;
    struct symbol_module *module = symbols_module(symbols, pc);
    Dwarf_Die *unit = module ? symbols_unit(module, pc, &bias) : NULL;
    return unit && knows_atomic(unit) && !qualified(unit, 0);
}

/* ---- the compiler ---- */

/* The compilers leave their names in .comment, one after the other. */
static enum compiler comment_compiler(const struct symbol_module *module)
{
    GElf_Addr bias;
    size_t names;
    Elf_Scn *section = NULL;
    Elf *elf = dwfl_module_getelf(module->module, &bias);
    if (!elf || elf_getshdrstrndx(elf, &names) != 0)
        return COMPILER_UNKNOWN;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        const char *name =
            gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
        Elf_Data *data = name && !strcmp(name, ".comment") ? elf_getdata(section, NULL) : NULL;
        if (!data || data->d_size == 0)
            continue;
        const char *text = data->d_buf, *end = text + data->d_size;
        bool any = false;
        while (text < end) {
            size_t length = strnlen(text, (size_t)(end - text));
            if (length && (length < 5 || strncmp(text, "GCC: ", 5) != 0))
                return COMPILER_OTHER; /* clang's programs have both: the C library's start is gcc's */
            any |= length != 0;
            text += length + 1;
        }
        return any ? COMPILER_GCC : COMPILER_UNKNOWN;
    }
    return COMPILER_UNKNOWN;
}

enum compiler symbols_compiler(struct symbols *symbols, uint64_t pc)
{
    Dwarf_Addr bias;
    Dwarf_Attribute attribute;
    struct symbol_module *module = symbols_module(symbols, pc);
    if (!module)
        return COMPILER_UNKNOWN;
    Dwarf_Die *unit = symbols_unit(module, pc, &bias);
    const char *producer =
        unit ? dwarf_formstring(dwarf_attr(unit, DW_AT_producer, &attribute)) : NULL;
    if (!producer)
        return comment_compiler(module);
    return starts_with(producer, "GNU ") && !starts_with(producer, "GNU AS") ? COMPILER_GCC
                                                                             : COMPILER_OTHER;
}
