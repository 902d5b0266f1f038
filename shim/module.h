/* What is mapped where: the `modules` file, and which modules are instrumented. */
#ifndef SHIM_MODULE_H
#define SHIM_MODULE_H

#include "shim/shim.h"

/* Looks whether modules were loaded or unloaded since last time; cheap if not. Guard up. */
void module_refresh(void);
/* Whether the code at `pc` belongs to an instrumented module, one that imports __tsan_init. Any context. */
bool module_instrumented(uintptr_t pc);
/* Whether `address` lies in the data of a loaded module. */
bool module_holds(uintptr_t address);
void module_fork_child(void);

#endif
