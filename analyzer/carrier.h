/*
 * Libraries that could carry the order of two accesses without our seeing it: those whose code was
 * neither patched nor compiled for us and whose synchronisation is not intercepted either.
 */
#ifndef ANALYZER_CARRIER_H
#define ANALYZER_CARRIER_H

#include "analyzer/trace.h"

/* The first library in doubt, or NULL; *reason says why. */
const struct trace_module *carrier_in_doubt(const struct trace *trace, const char **reason);

#endif
