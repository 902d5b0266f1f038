/* Functions of libraries that came after the recorder: see late.c. */
#ifndef SHIM_LATE_H
#define SHIM_LATE_H

#include <stdbool.h>

/* `name` as a language's runtime library defines it, however that was loaded; NULL if none does. Any thread. */
void *late_find(const char *name);
/* Is the file of that name such a library of C++? */
bool late_is_cxx(const char *path);
/* Keeps all such libraries that have come. By who holds the dynamic linker's lock, outside of any dlopen. */
void late_keep(void);

#endif
