/*
 * All memory within 2 GB of the program is taken before anything else runs: there is no room for a copy that jumps reach.
 * The program stays as it is, which is said; what it does with a library's help is seen.
 *
 * EXPECT: misuse @unlock unlock-not-locked [proved]
 * SAYS: (no memory within 2 GB of its code)
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=app
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int value;

static void *add(void *unused)
{
    value++;
    return unused;
}

/* By the instruction: the recorder is not to be woken by a call of mmap. */
static long map(uintptr_t address, size_t size)
{
    long result;
    register long flags __asm__("r10") =
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    register long fd __asm__("r8") = -1, offset __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_mmap), "D"(address), "S"(size), "d"(PROT_NONE), "r"(flags), "r"(fd),
                       "r"(offset)
                     : "rcx", "r11", "memory");
    return result;
}

/* Ever smaller pieces into what is left. */
static void fill(uintptr_t from, uintptr_t to)
{
    for (uintptr_t size = UINT64_C(1) << 28; size >= UINT64_C(1) << 14; size >>= 2)
        for (uintptr_t at = from & ~(size - 1); at < to; at += size)
            map(at, size);
}

static void first(void)
{
    uintptr_t here = (uintptr_t)&first, reach = UINT64_C(2050) << 20;
    fill(here > reach ? here - reach : 1 << 16, here + reach);
}
__attribute__((section(".preinit_array"), used)) static void (*before)(void) = first;

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, add, NULL);
    value++; /* not seen */
    pthread_join(thread, NULL);
    pthread_mutex_unlock(&mutex); /* @unlock */
    printf("%d\n", value);
    return 0;
}
