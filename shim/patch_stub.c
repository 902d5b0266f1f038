/*
 * From a copy into C: the stubs, and the slow path of each kind of check.
 *
 * A stub is called with the stack pointer already below the red zone. It saves the general registers into a struct
 * patch_frame; all C code behind it is compiled without vector registers (Makefile), so that these stay as they are; what
 * needs others' code goes through vector_keep(), which saves them. The light stub leaves the flags destroyed (they are
 * dead, or saved by the check), the full one does not, and clears the direction flag.
 */
#include "shim/patch_emit.h"

#include <errno.h>

#include "shim/access_state.h"
#include "shim/banned.h"
#include "shim/far.h"
#include "shim/raw.h"

static_assert(offsetof(struct patch_frame, rbx) == 72 &&
                  offsetof(struct patch_frame, flags) == 120 &&
                  offsetof(struct patch_frame, back) == 128,
              "the stubs");

/* patch_place.c knows where in a stub what is saved already: the labels. */
#define SAVE_ALL                                                                       \
    "mov %rax, (%rsp)\nmov %rcx, 8(%rsp)\nmov %rdx, 16(%rsp)\nmov %rsi, 24(%rsp)\n"    \
    "mov %rdi, 32(%rsp)\nmov %r8, 40(%rsp)\nmov %r9, 48(%rsp)\nmov %r10, 56(%rsp)\n"   \
    "mov %r11, 64(%rsp)\nmov %rbx, 72(%rsp)\nmov %rbp, 80(%rsp)\nmov %r12, 88(%rsp)\n" \
    "mov %r13, 96(%rsp)\nmov %r14, 104(%rsp)\nmov %r15, 112(%rsp)\n"
#define CALL_C                                                                          \
    "mov patch_thread@GOTTPOFF(%rip), %rbx\n"                                           \
    "mov %rsp, %fs:PATCH_FRAME(%rbx)\n"                                                 \
    "mov %rsp, %rbp\nmov %rsp, %rdi\nand $-16, %rsp\ncall patch_slow\nmov %rbp, %rsp\n" \
    "add %rax, 128(%rsp)\n"                                                             \
    "movq $0, %fs:PATCH_FRAME(%rbx)\n"
#define RESTORE_ALL                                                                   \
    "mov 8(%rsp), %rcx\nmov 16(%rsp), %rdx\nmov 24(%rsp), %rsi\nmov 32(%rsp), %rdi\n" \
    "mov 40(%rsp), %r8\nmov 48(%rsp), %r9\nmov 56(%rsp), %r10\nmov 64(%rsp), %r11\n"  \
    "mov 72(%rsp), %rbx\nmov 80(%rsp), %rbp\nmov (%rsp), %rax\n"

static_assert(offsetof(struct patch_thread, frame) == 48 &&
                  offsetof(struct patch_thread, site) == 36,
              "PATCH_FRAME, PATCH_SITE");
__asm__(
    ".text\n"
    ".set PATCH_FRAME, 48\n"
    ".set PATCH_SITE, 36\n"
    ".p2align 4\n"
    ".hidden patch_stub_light, patch_stub_light_saved, patch_stub_light_up, patch_stub_light_end\n"
    ".globl patch_stub_light, patch_stub_light_saved, patch_stub_light_up, patch_stub_light_end\n"
    "patch_stub_light:\n"
    "lea -128(%rsp), %rsp\n" SAVE_ALL "patch_stub_light_saved:\n" CALL_C RESTORE_ALL
    "patch_stub_light_up:\n"
    "lea 128(%rsp), %rsp\n"
    "ret\n"
    "patch_stub_light_end:\n"
    ".p2align 4\n"
    ".hidden patch_stub_full, patch_stub_full_saved, patch_stub_full_up, patch_stub_full_end\n"
    ".globl patch_stub_full, patch_stub_full_saved, patch_stub_full_up, patch_stub_full_end\n"
    "patch_stub_full:\n"
    "pushfq\n"
    "lea -120(%rsp), %rsp\n" SAVE_ALL "patch_stub_full_saved:\n"
    "cld\n" CALL_C RESTORE_ALL "patch_stub_full_up:\n"
    "lea 120(%rsp), %rsp\n"
    "popfq\n"
    "ret\n"
    "patch_stub_full_end:\n"
    /* Called by a slot of patch_lazy.c, which does not come up by itself: its own next instruction leaves it. Site 0 tells
     * patch_place.c whose frame it is. */
    ".p2align 4\n"
    ".hidden patch_stub_lazy, patch_stub_lazy_saved, patch_stub_lazy_up, patch_stub_lazy_end\n"
    ".globl patch_stub_lazy, patch_stub_lazy_saved, patch_stub_lazy_up, patch_stub_lazy_end\n"
    "patch_stub_lazy:\n"
    "pushfq\n"
    "lea -120(%rsp), %rsp\n" SAVE_ALL "patch_stub_lazy_saved:\n"
    "cld\n"
    "mov patch_thread@GOTTPOFF(%rip), %rbx\n"
    "movl $0, %fs:PATCH_SITE(%rbx)\n"
    "mov %rsp, %fs:PATCH_FRAME(%rbx)\n"
    "mov %rsp, %rbp\nmov %rsp, %rdi\nand $-16, %rsp\ncall patch_lazy_enter\nmov %rbp, %rsp\n"
    "movq $0, %fs:PATCH_FRAME(%rbx)\n" RESTORE_ALL "patch_stub_lazy_up:\n"
    "lea 120(%rsp), %rsp\n"
    "popfq\n"
    "ret $128\n"
    "patch_stub_lazy_end:\n");

/* ---- sites ---- */

#define SITES_STEP ((size_t)1 << 20)

struct patch_site *patch_sites;
volatile uint32_t patch_site_count = 1; /* 0: none */

static struct far sites_place;
static size_t sites_mapped;

bool patch_sites_open(void)
{
    if (!patch_sites && far_find(&sites_place, PATCH_SITES * sizeof *patch_sites) &&
        far_map(&sites_place, 0, SITES_STEP, -1)) {
        sites_mapped = SITES_STEP;
        patch_sites = (struct patch_site *)sites_place.base;
    }
    return patch_sites;
}

bool patch_sites_reach(uint64_t end)
{
    size_t need = (size_t)end * sizeof *patch_sites;
    if (end > PATCH_SITES)
        return false;
    if (need <= sites_mapped)
        return true;
    need = (need + SITES_STEP - 1) / SITES_STEP * SITES_STEP;
    if (!far_map(&sites_place, sites_mapped, need, -1))
        return false;
    sites_mapped = need;
    return true;
}

/* ---- the slow paths ---- */

#define DIRECTION   0x400u

#define PAGE        4096u
#define STRING_SURE ((uint64_t)1 << 20)
#define STRING_MOST ((uint64_t)1 << 47)

/* Fails with EFAULT before it looks at what it is to do. */
static bool is_readable(uint64_t address)
{
    return raw4(SYS_rt_sigprocmask, -1, address & -(uint64_t)8, NULL, 8) != -EFAULT;
}

/* How many of `size` bytes, from the first or from the last on, come before a page that will fault. */
static uint64_t readable(uint64_t address, uint64_t size, bool down)
{
    uint64_t done = 0;
    while (done < size) {
        uint64_t at = down ? address + size - 1 - done : address + done;
        if (!is_readable(at))
            break;
        done += down ? at % PAGE + 1 : PAGE - at % PAGE;
    }
    return done < size ? done : size;
}

/*
 * `count` elements by a string instruction, from `address` on, upwards or down. Of a long one only what it will do: some
 * run into a page that is not there on purpose, and begin anew when it is.
 */
static void record_string(const struct patch_site *site, const struct patch_frame *frame,
                          uint64_t address, uint64_t count, bool down, bool write)
{
    if (count == 0)
        return;
    uint64_t size = (count < STRING_MOST ? count : STRING_MOST) * site->size;
    if (down)
        address -= size - site->size;
    if (UNLIKELY(size > STRING_SURE)) {
        uint64_t done = readable(address, size, down);
        address += down ? size - done : 0;
        size = done;
        if (!done)
            return;
    }
    uint32_t kind = (site->kind & ~TRACE_KIND_WRITE) | (write ? TRACE_KIND_WRITE : 0);
    if (count > 1)
        kind |= TRACE_KIND_RANGE;
    patch_range(site, frame, address, size, kind);
}

static void record_strings(const struct patch_site *site, const struct patch_frame *frame,
                           uint64_t source, uint64_t destination, uint64_t count, bool compares)
{
    bool down = frame->flags & DIRECTION;
    if (site->details & PATCH_STRING_SOURCE)
        record_string(site, frame, source, count, down, false);
    if (site->details & PATCH_STRING_DESTINATION)
        record_string(site, frame, destination, count, down, !compares);
}

static void string_before(const struct patch_site *site, const struct patch_frame *frame)
{
    bool repeated = site->details & PATCH_STRING_REPEATED,
         compares = site->details & PATCH_STRING_COMPARES;
    if (repeated && compares) {
        patch_thread.count = frame->rcx;
        return;
    }
    record_strings(site, frame, frame->rsi, frame->rdi, repeated ? frame->rcx : 1, compares);
}

/* It has moved its pointers by what it compared. */
static void string_after(const struct patch_site *site, const struct patch_frame *frame)
{
    uint64_t count = patch_thread.count - frame->rcx, moved = count * site->size;
    if (frame->flags & DIRECTION)
        moved = 0 - moved;
    record_strings(site, frame, frame->rsi - moved, frame->rdi - moved, count, true);
}

static int64_t vector_element(const uint8_t *vector, uint32_t i, uint32_t size)
{
    int64_t wide;
    int32_t narrow;
    if (size == 8) {
        raw_copy(&wide, vector + (size_t)i * 8, 8);
        return wide;
    }
    raw_copy(&narrow, vector + (size_t)i * 4, 4);
    return narrow;
}

static void record_vector(const struct patch_site *site, const struct patch_frame *frame)
{
    uint32_t bits = site->details & 31u, scale = site->details >> 5 & 3, count = site->details >> 8;
    uintptr_t address = patch_thread.address;
    uint64_t mask = 0, packed = 0;
    raw_copy(&mask, patch_thread.vector[1], count <= 16 ? 2 : 8);
    for (uint32_t i = 0; i < count; i++) {
        bool wanted = bits & VECTOR_MASK_K
                          ? mask >> i & 1
                          : vector_element(patch_thread.vector[1], i, site->size) < 0;
        if (!wanted)
            continue;
        uintptr_t place = address + (uintptr_t)i * site->size;
        if (bits & VECTOR_PACKED)
            place = address + packed++ * site->size;
        else if (bits & VECTOR_INDEX)
            place =
                address +
                ((uintptr_t)vector_element(patch_thread.vector[0], i, bits & VECTOR_WIDE ? 8 : 4)
                 << scale);
        patch_range(site, frame, place, site->size, site->kind);
    }
}

/* All that access_near() has not done. */
static NOINLINE uint64_t slow_rest(struct patch_frame *frame)
{
    const struct patch_site *site = &patch_sites[patch_thread.site];
    if (UNLIKELY(site->action == PATCH_SPAN)) { /* what accesses are made in stays the same */
        patch_span_ask(site);
        return 0;
    }
    patch_thread.context = 0;
    if (LIKELY(site->action == PATCH_ACCESS))
        return patch_access(site, frame) ? PATCH_BRACKET_EXIT : 0;
    switch ((enum patch_action)site->action) {
    case PATCH_ACCESS:
    case PATCH_SPAN:
        break;
    case PATCH_ACCESS_AFTER:
        patch_access_after(site, frame);
        break;
    case PATCH_LOCKED_BEFORE:
        patch_lock_before(site, frame);
        break;
    case PATCH_LOCKED_AFTER:
        patch_lock_after(site, frame);
        break;
    case PATCH_STRING_BEFORE:
        string_before(site, frame);
        break;
    case PATCH_STRING_AFTER:
        string_after(site, frame);
        break;
    case PATCH_SYSTEM_BEFORE:
        patch_syscall_before(frame, site->pc + 1);
        break;
    case PATCH_SYSTEM_AFTER:
        patch_syscall_after(frame, site->pc + 1);
        break;
    case PATCH_VECTOR:
        record_vector(site, frame);
        break;
    }
    return 0;
}

/* Control has come from elsewhere. */
static NOINLINE uint64_t slow_arrived(struct patch_frame *frame)
{
    uint32_t number = patch_thread.site;
    const struct patch_site *site = &patch_sites[number];
    uintptr_t address = patch_thread.address;
    if (LIKELY(access_arrived(address, site, number, patch_frame_sp(frame))))
        return 0;
    if (LIKELY(site->action == PATCH_ACCESS) && LIKELY(patch_arrive(site, frame)) &&
        LIKELY(access_near(address, site, number)))
        return 0;
    return slow_rest(frame);
}

/* Called by the stubs. Returns how many bytes behind the return address of their call to go on. */
uint64_t patch_slow(struct patch_frame *frame);
__attribute__((used)) uint64_t patch_slow(struct patch_frame *frame)
{
    if (patch_thread.context == 0)
        return slow_arrived(frame);
    uint32_t number = patch_thread.site;
    if (LIKELY(access_near(patch_thread.address, &patch_sites[number], number)))
        return 0;
    return slow_rest(patch_thread.frame); /* (`frame` would have to be kept) */
}
