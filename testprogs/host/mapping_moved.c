/*
 * A mapping's pages are moved to a place that is asked for, and the old place stays mapped.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#define SIZE 4096

static void *nothing(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, nothing, NULL);
    pthread_join(thread, NULL);
    int protection = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *old = mmap(NULL, SIZE, protection, flags, -1, 0);
    char *there = mmap(NULL, 64 * SIZE, protection, flags, -1, 0);
    munmap(there, 64 * SIZE);
    there += 16 * SIZE; /* not where the kernel would put them */
    old[0] = 1;
    char *moved = mremap(old, SIZE, SIZE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, there);
    printf("%d\n", moved == there);
    printf("%d %d\n", moved[0], old[0]);
    old[1] = moved[1] = 2;
    munmap(old, SIZE);
    munmap(moved, SIZE);
    return 0;
}
