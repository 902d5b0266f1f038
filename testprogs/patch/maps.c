/*
 * A process may have so many mappings (65,530) and no more. Where the recorder wants one, at birth or when it patches, and
 * does not get it, the program runs as ever. Tried with 0 to 60 of them left; one that had its 60 is said to have raced.
 *
 * EXPECT: race @main @thread value
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=app
 * ONLY: it is about patching
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEFT_MOST 60

static int value;

static void *add(void *unused)
{
    value++; /* @thread */
    return unused;
}

static long call(long number, uintptr_t a, uintptr_t b, uintptr_t c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = -1, r9 __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Before anything else runs: pages that differ from their neighbours, each a mapping of its own, until no more is given. */
static void first(int argc, char **argv)
{
    enum { ROOM = 1 << 17 };
    if (argc < 2)
        return;
    uintptr_t at = (uintptr_t)call(SYS_mmap, 0, (size_t)ROOM << 12, PROT_READ,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    uintptr_t i = 0;
    while (i < ROOM / 2 && call(SYS_mprotect, at + (2 * i << 12), 4096, PROT_NONE, 0) == 0)
        i++;
    int left = atoi(argv[1]);
    if (i > (uintptr_t)left) /* each of these joins two others */
        for (uintptr_t k = i - (uintptr_t)left; k < i; k++)
            call(SYS_mprotect, at + (2 * k << 12), 4096, PROT_READ, 0);
}
__attribute__((section(".preinit_array"), used)) static void (*before)(int, char **) = first;

int main(int argc, char **argv)
{
    pthread_t thread;
    char number[16], *again[] = {argv[0], number, NULL};
    if (argc > 1) {
        if (pthread_create(&thread, NULL, add, NULL)) /* no room for a stack */
            return 7;
        value++; /* @main */
        pthread_join(thread, NULL);
        return value;
    }
    int ran = 0;
    for (int left = 0; left <= LEFT_MOST; left += 6) {
        int status;
        snprintf(number, sizeof(number), "%d", left);
        pid_t child = fork();
        if (child == 0) {
            execv("/proc/self/exe", again);
            _exit(9);
        }
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
            ran++;
        else if (left > 30 || WIFSIGNALED(status))
            printf("with %d left: status %x\n", left, (unsigned)status);
    }
    printf("%s\n", ran ? "ran" : "never ran");
    return 0;
}
