/* Which modules are patched, and what is known of those that are. */
#include "shim/patch.h"

#include "shim/banned.h"
#include "shim/options.h"
#include "shim/raw.h"

#define MODULES 256u

__thread struct patch_thread patch_thread;
volatile uint32_t patch_on;

static struct patch_module modules[MODULES];
static volatile uint32_t module_count;
static const char *refused;

const struct patch_module *patch_modules(uint32_t *count)
{
    *count = __atomic_load_n(&module_count, __ATOMIC_ACQUIRE);
    return modules;
}

const char *patch_refused(void)
{
    return refused;
}

void patch_start(void)
{
    if (raw_equal(shim_options.patch, "none"))
        return;
    refused = "this build cannot patch yet";
    shim_message("patch=", shim_options.patch, ": ", refused, NULL);
}

void patch_refresh(void)
{
}

uintptr_t patch_original(uintptr_t pc)
{
    (void)pc;
    return 0;
}

uintptr_t patch_copy(uintptr_t pc)
{
    (void)pc;
    return 0;
}

bool patch_inside(uintptr_t pc)
{
    return patch_original(pc) != 0;
}

uintptr_t patch_rewind(long long *registers)
{
    (void)registers;
    return 0;
}

void patch_locked_before(uintptr_t address, size_t size, uintptr_t pc)
{
    (void)address, (void)size, (void)pc;
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
