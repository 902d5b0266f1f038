/*
 * Code that the program makes while it runs, as a JIT compiler does, in memory that is made executable when it is written: it
 * runs as ever, and the report says that its accesses were not recorded.
 *
 * EXPECT: none
 * SAYS: it made code at run time
 * MODE: plain instrumented patched
 * ARGS: later
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static const unsigned char returns_42[] = {0xb8, 42, 0, 0, 0, 0xc3};
static int first = PROT_READ | PROT_WRITE | PROT_EXEC, then, result = -1;

static void *run(void *unused)
{
    void *page = mmap(NULL, 4096, first, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return unused;
    memcpy(page, returns_42, sizeof returns_42);
    if (then && mprotect(page, 4096, then))
        return unused;
    int (*made)(void);
    memcpy(&made, &page, sizeof made);
    result = made();
    munmap(page, 4096);
    return unused;
}

int main(int count, char **arguments)
{
    pthread_t thread;
    if (count > 1 && !strcmp(arguments[1], "later")) {
        first = PROT_READ | PROT_WRITE;
        then = PROT_READ | PROT_EXEC;
    }
    pthread_create(&thread, NULL, run, NULL);
    pthread_join(thread, NULL);
    printf("%d\n", result);
    return 0;
}
