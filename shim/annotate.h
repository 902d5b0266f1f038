/* What the program tells of itself: annotate.c. For gorocheck.h and for ThreadSanitizer's annotations (abi.c). */
#ifndef SHIM_ANNOTATE_H
#define SHIM_ANNOTATE_H

#include "shim/shim.h"

/* The three types of rows of trace/annotations.def; before, after: VERB_ bits. */
void annotate(uint32_t primitive, uint32_t kind, const volatile void *object, uint32_t before,
              uint32_t after, uintptr_t pc, uintptr_t frame);
void annotate_begin(uint32_t primitive, uint32_t kind, const volatile void *object, uintptr_t pc,
                    uintptr_t frame);
void annotate_end(uint32_t primitive, uint32_t kind, const volatile void *object, uint32_t after,
                  uintptr_t pc, uintptr_t frame);
/* Reads, writes of this task are not recorded: one more (1) or one less (-1) reason. */
void annotate_ignore(bool reads, bool writes, uint32_t step);
/* The name of the calling task. */
void annotate_task_name(const char *name);
void annotate_ignore_sync(uint32_t step);
void annotate_ignore_range(const volatile void *from, size_t size);

#endif
