/*
 * Memory from mmap is shared like any other.
 *
 * EXPECT: race @one @two [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <sys/mman.h>

static void *run(void *argument)
{
    ((char *)argument)[5000] = 1; /* @one */
    return NULL;
}

int main(void)
{
    pthread_t thread;
    char *map = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_create(&thread, NULL, run, map);
    map[5000] = 2; /* @two */
    pthread_join(thread, NULL);
    munmap(map, 1 << 16);
    return 0;
}
