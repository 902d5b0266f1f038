/*
 * Carriers of order (carrier.h). The table names the libraries that are known to leave all
 * synchronisation to intercepted functions; any other that was not recorded is in doubt.
 */
#include "analyzer/carrier.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    const char *name, *reason;
} known[] = {
#define CARRIER(name, reason) {name, reason},
#include "analyzer/carrier.def"
#undef CARRIER
};

enum { /* trace_module.refused, from 1 on */
       REFUSED_NOT,
#define REFUSED(name, text) REFUSED_##name,
#include "trace/refused.def"
#undef REFUSED
};

/* Whoever is given memory may rely on nothing that was done with it before; the allocator's own
 * threads tell nobody anything. */
static bool is_allocator(const struct trace_module *module)
{
    return module->flags & TRACE_MODULE_REFUSED && module->refused == REFUSED_ALLOCATOR;
}

static bool is_known(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strcspn(name, ".-");
    if (strncmp(name, "ld-", 3) == 0)
        length = strcspn(name, ".");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t size = strlen(known[i].name);
        bool family = known[i].name[size - 1] == '_'; /* libnss_files, libnss_dns... */
        if (strncmp(name, known[i].name, size) == 0 && (family || size == length))
            return true;
    }
    return false;
}

const struct trace_module *carrier_in_doubt(const struct trace *trace, const char **reason)
{
    for (uint32_t i = 0; i < trace->module_count; i++) {
        const struct trace_module *module = &trace->modules[i];
        if (!module->state || module->path[0] != '/' ||
            module->flags & (TRACE_MODULE_RUNTIME | TRACE_MODULE_ABI) || is_known(module->path) ||
            is_allocator(module))
            continue;
        bool patched = module->flags & TRACE_MODULE_PATCHED;
        if (patched && module->seen >= module->candidates)
            continue;
        *reason = patched ? "some of its instructions were not recorded, and they may synchronise"
                  : module->flags & TRACE_MODULE_REFUSED
                      ? "its instructions could not be recorded, and they may synchronise"
                      : "its instructions were not recorded, and they may synchronise";
        return module;
    }
    return NULL;
}
