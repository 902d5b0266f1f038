/*
 * What symbols.c and symbols_variable.c share: one module of the trace, opened for reading its
 * symbols.
 */
#ifndef ANALYZER_SYMBOLS_MODULE_H
#define ANALYZER_SYMBOLS_MODULE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzer/symbols.h"

struct symbol_variable {
    uint64_t address, size;
    Dwarf_Off die;
    Dwarf *dwarf;
};

struct symbol_variables {
    struct symbol_variable *items;
    uint32_t count, capacity;
};

struct symbol_module {
    const struct trace_module *shown;
    Dwfl *dwfl;
    Dwfl_Module *module; /* NULL: no file, or not the file that was loaded */
    uint64_t entry;      /* where the program starts, 0 unknown */
    bool opened, indexed;
    struct symbol_variables fixed, local; /* by address; by offset in the thread's block */
};

/* The module that holds `address`, opened; NULL if none does or its file cannot be used. */
struct symbol_module *symbols_module(struct symbols *symbols, uint64_t address);
/* The program itself, opened; NULL if its file cannot be used. */
struct symbol_module *symbols_main(struct symbols *symbols);
char *symbols_path(const struct symbols *symbols, const char *directory, const char *path);
/* What people call a linker's name; a new string. */
char *symbols_demangle(const char *name);
/* DWARF's entry of the variable of fixed place that holds `address`, and where in it that is. */
bool symbols_variable_die(struct symbols *symbols, uint64_t address, Dwarf_Die *die,
                          uint64_t *offset);
/* The type that an entry has; of a declaration elsewhere too. */
bool symbols_die_type(Dwarf_Die *die, Dwarf_Die *type);
/* From an array or structure to the element or member at *offset: appends "[2]" or ".member" to
 * *name. False if `type` is neither, or one of the system's. */
bool symbols_into(Dwarf_Die *type, uint64_t *offset, char **name);
/* The compile unit that holds the instruction at `address`, in the module's own addresses. */
Dwarf_Die *symbols_unit(const struct symbol_module *module, uint64_t address, Dwarf_Addr *bias);

#endif
