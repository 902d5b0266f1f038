/*
 * What printf reads and scanf writes by way of its arguments: texts, and what is to be filled in. A format is followed as far
 * as it is understood: an argument that is asked for by its number, or by a letter of the program's own, ends that.
 */
#ifndef SHIM_ARGUMENTS_H
#define SHIM_ARGUMENTS_H

#include <stdarg.h>

#include "shim/shim.h"

/* Call it before printf; `list` stays as it is. */
void arguments_read(const char *format, va_list list, uintptr_t pc);
/* Call it after scanf, which returned `assigned`. */
void arguments_written(const char *format, va_list list, int assigned, uintptr_t pc);

#endif
