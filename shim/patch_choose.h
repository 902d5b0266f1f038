/* Which modules are patched: see patch_choose.c. */
#ifndef SHIM_PATCH_CHOOSE_H
#define SHIM_PATCH_CHOOSE_H

#include "shim/shim.h"

enum patch_choice {
    PATCH_NOT,
    PATCH_CHOSEN, /* by main, app, all */
    PATCH_NAMED,  /* by its own name: however large it is */
};

/* Looks at what is loaded now; to be called before patch_choose(). */
void patch_choose_begin(void);
/* `name`: last component of its path; `dynamic`: its dynamic section. */
enum patch_choice patch_choose(const char *name, bool main, const void *dynamic);
/* Only the recorder needs it, or it is the recorder. */
bool patch_choose_own(const void *dynamic);
/* One of the compiler's and the C library's own. */
bool patch_choose_toolchain(const char *name);
/* Of the C library, in which every thread begins and ends. */
bool patch_choose_home(const char *name);
const char *patch_last_component(const char *path);

#endif
