/* What is mapped where: the `modules` file, and which modules are instrumented. */
#ifndef SHIM_MODULE_H
#define SHIM_MODULE_H

#include <link.h>

#include "shim/shim.h"

/* Looks whether modules were loaded or unloaded since last time; cheap if not. Guard up. */
void module_refresh(void);
/* Those of other namespaces than the program's. Under the dynamic linker's lock. */
void module_namespaces(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data);

/* Where a library lies that is never unloaded: all 0 until it is known. */
struct module_text {
    uintptr_t low, high;
};
/* Is `pc` in the library that has this function? False also while that is not recorded. */
bool module_text_has(struct module_text *text, uintptr_t function, uintptr_t pc);
/* Was the program built by Go's own compiler? */
bool module_main_is_go(void);
/* Whether the accesses of the code at `pc` are recorded: its module imports __tsan_init, or was patched. Any context. */
bool module_instrumented(uintptr_t pc);
bool module_patched(uintptr_t pc);
/* The module of `pc` has been patched; its slot, NULL if there is none. */
struct trace_module *module_patch(uintptr_t pc);
/* The slot of the module that is at `pc`; NULL if there is none. */
struct trace_module *module_at(uintptr_t pc);
/* Whether `address` lies in the data of a loaded module. */
bool module_holds(uintptr_t address);
/* The C library's dl_iterate_phdr: for callbacks of the recorder's own. The first call is at birth. */
int module_iterate(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data);
void module_fork_child(void);

#endif
