/* Instructions at a glance: see patch_scan.c. */
#ifndef SHIM_PATCH_SCAN_H
#define SHIM_PATCH_SCAN_H

#include "shim/patch_code.h"

/* As patch_decode(), but of *in only length, flow, memory (MEMORY_CHECKED: maybe), base, index, scale, displacement,
 * displacement_at, INSTRUCTION_RELATIVE and the traits that entries depend on (and TRAIT_NOP, maybe) are set. */
bool patch_scan(const uint8_t *code, size_t room, uintptr_t address,
                struct patch_instruction *instruction, uint64_t *value);

#endif
