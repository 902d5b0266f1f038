/* What can be known of a program before it runs: can the recorder be loaded into it, does it bring
 * a sanitizer along? */
#ifndef ANALYZER_TARGET_H
#define ANALYZER_TARGET_H

#include <stdbool.h>

struct target {
    char *path; /* that execvp would start; NULL: not found (errno is set) */
    bool
        blind; /* nothing is preloaded: it would not start, or what matters in it would not be seen */
    char *obstacle;  /* why the recorder cannot be loaded, NULL if it can */
    bool runtime;    /* a sanitizer's runtime is linked in: the recorder must stay out */
    bool needs_stub; /* wants libtsan.so.2 */
    bool audited;    /* names libraries for the dynamic linker's audits */
};

struct target target_look(const char *program);
void target_free(struct target *target);

#endif
