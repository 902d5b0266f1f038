/*
 * A program with more code than patch_mb= allows stays as it is, which is said.
 *
 * EXPECT: misuse @unlock unlock-not-locked [proved]
 * SAYS: (more code than patch_mb= allows)
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=app:patch_mb=1
 */
#include <pthread.h>
#include <stdio.h>

__asm__(".text\n.skip 1200000, 0xcc\n");
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int value;

static void *add(void *unused)
{
    value++;
    return unused;
}

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
