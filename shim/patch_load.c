/*
 * Modules that are loaded and unloaded while the program runs. The dynamic linker calls an empty function of its own
 * (r_brk of struct r_debug, there for debuggers) when it has mapped new modules and not yet run their constructors, and
 * again when it has unmapped some. That function becomes a jump to ours: dlopen itself is not interposed, since it looks
 * for files by where its caller lies.
 *
 * Done only where the function is what it always was: a return, and room behind it that nothing runs. A debugger that has
 * put a breakpoint there goes first; then modules that come later are not patched, and the report says of each that its
 * accesses were not recorded.
 */
#include "shim/patch.h"

#include <link.h>

#include "shim/banned.h"
#include "shim/raw.h"

#define PAGE     4096u
#define JUMP     14u /* jmp *0(%rip), and the address */
#define WRITABLE 3
#define RUNNABLE 5

static void changed(void)
{
    if (_r_debug.r_state != RT_CONSISTENT)
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    patch_refresh();
    thread_leave(thread);
}

/* How many bytes of padding there are from `code` on, up to `most`. */
static uint32_t padding(const uint8_t *code, uint32_t most)
{
    uint32_t at = 0;
    while (at < most) {
        uint32_t length = 1;
        const uint8_t *p = code + at;
        while (*p == 0x66 || *p == 0x2e) {
            p++;
            length++;
        }
        if (p[0] == 0x0f && p[1] == 0x1f) {
            static const uint8_t rest[4] = {0, 1, 4, 0}; /* displacement, by the mode of ModRM */
            length += 2u + ((p[2] & 7) == 4 ? 1u : 0u) + rest[p[2] >> 6];
        } else if (*p != 0x90 && *p != 0xcc) {
            break;
        }
        at += length;
    }
    return at;
}

void patch_watch(void)
{
    uint8_t *code = (uint8_t *)_r_debug.r_brk;
    if (!code)
        return;
    if (raw_equal_n((const char *)code, "\xf3\x0f\x1e\xfa", 4)) /* endbr64 */
        code += 4;
    uintptr_t end = ((uintptr_t)code + 16) & ~(uintptr_t)15;
    if (code[0] != 0xc3 || 1 + padding(code + 1, (uint32_t)(end - (uintptr_t)code) - 1) < JUMP)
        return;
    uintptr_t low = (uintptr_t)code & ~(uintptr_t)(PAGE - 1),
              high = ((uintptr_t)code + JUMP + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    if (raw3(SYS_mprotect, low, high - low, WRITABLE) != 0)
        return;
    uint64_t target = (uintptr_t)&changed;
    raw_copy(code, "\xff\x25\0\0\0\0", 6);
    raw_copy(code + 6, &target, sizeof target);
    if (raw3(SYS_mprotect, low, high - low, RUNNABLE) != 0)
        raw1(SYS_exit_group, 127); /* tried with the program's own code before */
}
