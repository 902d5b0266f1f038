/* GOROCHECK_OPTIONS as the recorder needs it; the analyzer reads the same variable (trace/options.def lists all keys). */
#ifndef SHIM_OPTIONS_H
#define SHIM_OPTIONS_H

#include "shim/shim.h"

enum when_full { WHEN_FULL_SLOW, WHEN_FULL_SAMPLE, WHEN_FULL_DROP };

struct shim_options {
    char trace_dir[512];   /* empty: gorocheck.<pid> */
    char analyzer[512];    /* empty: beside the shim */
    char patch[256];       /* none, main, app, all or names of modules */
    uint32_t patch_mb;     /* most text of a module that is not named; 0: no limit */
    uint64_t patch_lazy;   /* least text of a module that is copied function by function; 0: none */
    uint32_t patch_poison; /* not 0: copies destroy what they may: see patch_poison.c */
    bool patch_asked;      /* it was given */
    bool patch_bmi2;       /* copies may use its instructions */
    bool report, accesses, heap;
    int exitcode;
    uint32_t exit_wait_ms; /* for detached tasks at work */
    int verbosity;
    uint32_t stack_depth;
    uint64_t max_access_bytes; /* per OS thread; 0: no limit */
    uint64_t max_disk;         /* bytes; 0: no limit */
    enum when_full when_full;
    bool gather;    /* what a segment does to a line may become one record: see gather.c */
    uint32_t sites; /* records of a segment after which it does */
    bool digest;    /* somebody may read the trace while it is written */
};
extern struct shim_options shim_options INNER;
/* Value of an environment variable read from `environment` (no getenv: the host may change its copy), or NULL. */
const char *options_variable(char *const *environment, const char *name);
void options_read(const char *text);

#endif
