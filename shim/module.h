/* What is mapped where: the `modules` file, and which modules are instrumented. */
#ifndef SHIM_MODULE_H
#define SHIM_MODULE_H

#include "shim/shim.h"

/* Looks whether modules were loaded or unloaded since last time; cheap if not. Guard up. */
void module_refresh(void);
/* The module that holds `pc` is instrumented: it called __tsan_init. Guard up. */
void module_mark_instrumented(uintptr_t pc);
/* Whether the code at `pc` belongs to an instrumented module. Any context. */
bool module_instrumented(uintptr_t pc);
/* Whether `address` lies in the data of a loaded module. */
bool module_holds(uintptr_t address);
void module_fork_child(void);

#endif
