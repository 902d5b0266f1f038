/* What LOCK-prefixed instructions, xchg and inline system calls of patched modules mean. */
#include "shim/patch.h"

#include "shim/access.h"
#include "shim/banned.h"

void patch_locked_before(uintptr_t address, size_t size, uintptr_t pc)
{
    access_slow(address, size, ACCESS_KIND(TRACE_KIND_ATOMIC | TRACE_KIND_WRITE, (uint32_t)size),
                pc);
}

void patch_locked_after(uintptr_t address, size_t size, uintptr_t pc)
{
    (void)address, (void)size, (void)pc;
}

void patch_system_before(const struct patch_frame *frame, uintptr_t pc)
{
    (void)frame, (void)pc;
}

void patch_system_after(const struct patch_frame *frame, uintptr_t pc)
{
    (void)frame, (void)pc;
}
