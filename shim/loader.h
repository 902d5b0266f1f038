/* The order that the dynamic linker's lock gives: see loader.c. */
#ifndef SHIM_LOADER_H
#define SHIM_LOADER_H

/* From now on dlopen and dlclose order the threads that call them. Guard up, and no other thread. */
void loader_watch(void);

#endif
