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
char *symbols_demangle(struct symbols *symbols, const char *name);
/* Whether a source file belongs to the system (headers of the C library and the compiler). */
bool symbols_system_file(const char *path);

#endif
