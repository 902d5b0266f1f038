/* OpenMP's runtime as far as the rest of the recorder asks for it: see openmp.c. */
#ifndef SHIM_OPENMP_H
#define SHIM_OPENMP_H

#include <stdbool.h>
#include <stdint.h>

/* Is the thread that is being made by this one for the runtime's pool? Nobody is to join it. */
bool openmp_creates(void);

/* Not 0: what this thread allocates is for others, and openmp_gave() says that it has. Guard down. */
extern __thread uintptr_t openmp_gives;
void openmp_gave(void);

#endif
