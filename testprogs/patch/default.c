/*
 * Nothing is asked for: an unmodified program's memory accesses are seen.
 *
 * EXPECT: race @main @thread value
 * SAYS: patched when loaded
 * MODE: default
 * BARE: yes
 * ONLY: it is about patching
 */
#include <pthread.h>
#include <stdio.h>

int value;

static void *add(void *unused)
{
    value++; /* @thread */
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, add, NULL);
    value++; /* @main */
    pthread_join(thread, NULL);
    printf("%d\n", value);
    return 0;
}
