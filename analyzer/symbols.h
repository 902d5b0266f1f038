/*
 * Addresses to names, after the run, by build-id and libdw: functions with inlined frames, lines,
 * variables. Not thread-safe; results are owned by the caller (stacks: stack_free; strings: free).
 */
#ifndef ANALYZER_SYMBOLS_H
#define ANALYZER_SYMBOLS_H

#include "analyzer/finding.h"
#include "analyzer/trace.h"

struct symbols;
struct symbols *symbols_open(const struct trace *trace, const char *strip_path_prefix);
void symbols_close(struct symbols *symbols);
/* Names for return addresses, innermost first; inlined frames are expanded. Frames of the recorder
 * itself are left out, and so are those below main and below a thread's start routine. If `exact`
 * the first pc is the instruction itself. */
struct stack symbols_stack(struct symbols *symbols, const uint64_t *pcs, uint32_t count,
                           bool exact);
struct stack symbols_stack_id(struct symbols *symbols, uint32_t stack_id);
/* The global or static variable (with member or index path where DWARF tells) that holds `address`;
 * false if none. */
struct variable {
    char *name;   /* "counter", "table[3].lock" */
    size_t whole; /* of which the name of the whole variable */
    char *file;   /* where it is defined, NULL if unknown */
    int line;
    uint64_t address, size;
    char *module;
};
bool symbols_variable(struct symbols *symbols, uint64_t address, struct variable *variable);
/* Of an address within a module's data that no symbol tells of: "app+0x4064 (.bss)", a new string; NULL if it is in no
 * section of data, or the module's file cannot be read. */
char *symbols_section(struct symbols *symbols, uint64_t address);
/* The thread-local variable of the program at `address`, for a thread whose handle (its control
 * block) is `handle`; only those of the main program, whose place is fixed. */
bool symbols_thread_variable(struct symbols *symbols, uint64_t address, uint64_t handle,
                             struct variable *variable);
/* How the debug information declares the object at `address`, as far as it is a variable of fixed
 * place in the program's own source. */
enum object_kind { OBJECT_UNKNOWN, OBJECT_PLAIN, OBJECT_VOLATILE, OBJECT_ATOMIC };
enum object_kind symbols_object_kind(struct symbols *symbols, uint64_t address);
/* Whether the source file that the instruction at `pc` comes from uses no volatile and no atomic
 * type at all. */
bool symbols_only_plain(struct symbols *symbols, uint64_t pc);
/* Who made the instruction at `pc`. */
enum compiler { COMPILER_UNKNOWN, COMPILER_GCC, COMPILER_OTHER };
enum compiler symbols_compiler(struct symbols *symbols, uint64_t pc);
/* Whether the module of `pc` has gccgo's stub for a method of this name that a struct has from an
 * embedded field: "main.worker.Name..stub". */
bool symbols_go_stub(struct symbols *symbols, uint64_t pc, const char *method, size_t length);
/* Whether a source file belongs to the system: headers of the C library and the compiler, a language's library. */
bool symbols_system_file(const char *path);
void variable_free(struct variable *variable);
void stack_free(struct stack *stack);
struct stack stack_copy(const struct stack *stack);

#endif
