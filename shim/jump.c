/*
 * longjmp and its family: the frames they skip leave the shadow call stack. The target's stack pointer is read from
 * glibc's jmp_buf, where it stands mangled: x86-64 keeps rsp in the seventh word, rotated left by 17 after an exclusive-or
 * with the word at fs:0x30.
 */
#include <dlfcn.h>
#include <setjmp.h>

#include "shim/access_state.h"
#include "shim/banned.h"
#include "shim/fiber.h"
#include "shim/init.h"

#define JMP_BUF_RSP 6

static uint64_t target_sp(const struct __jmp_buf_tag *buffer)
{
    uint64_t word = (uint64_t)buffer->__jmpbuf[JMP_BUF_RSP], guard;
    __asm__("movq %%fs:0x30, %0" : "=r"(guard));
    return (word >> 17 | word << 47) ^ guard;
}

typedef void (*jump_function)(struct __jmp_buf_tag *, int) __attribute__((noreturn));

static jump_function jump_next(const char *name, jump_function *place)
{
    jump_function found;
    *(void **)(void *)&found = dlsym(RTLD_NEXT, name);
    __atomic_store_n(place, found, __ATOMIC_RELAXED);
    return found;
}

static inline __attribute__((always_inline)) _Noreturn void jump(const char *name,
                                                                 jump_function *place,
                                                                 struct __jmp_buf_tag *buffer,
                                                                 int value)
{
    jump_function found = __atomic_load_n(place, __ATOMIC_RELAXED);
    if (!found)
        found = jump_next(name, place);
    fiber_jump(target_sp(buffer), RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    shadow_cut(target_sp(buffer));
    if (found)
        found(buffer, value);
    __builtin_trap(); /* a libc without longjmp cannot have called setjmp */
}

#define JUMPS(X) X(longjmp) X(_longjmp) X(siglongjmp) X(__longjmp_chk)

static struct {
#define X(name) jump_function name;
    JUMPS(X)
#undef X
} next;

void jump_find(void)
{
#define X(name) jump_next(#name, &next.name);
    JUMPS(X)
#undef X
}

#define JUMP(name)                                                                  \
    void name(struct __jmp_buf_tag buffer[1], int value) __attribute__((noreturn)); \
    EXPORT void name(struct __jmp_buf_tag buffer[1], int value)                     \
    {                                                                               \
        jump(#name, &next.name, buffer, value);                                     \
    }

JUMPS(JUMP)
