/*
 * Functions that are copied although they look odd: jump tables that lie in the segment of the code (ld -z
 * noseparate-code), an int3 behind each return and indirect jump, against speculation.
 *
 * EXPECT: race @a @b value
 * MODE: patched lazy
 * ONLY: it is about patching
 * CFLAGS: -O2 -mharden-sls=all -Wl,-z,noseparate-code
 */
#include <pthread.h>
#include <stdlib.h>

static int value;
static volatile int first = 3, second = 6;

__attribute__((noinline)) static void *work(void *which)
{
    switch (*(volatile int *)which) {
    case 0:
        return malloc(1);
    case 1:
        exit(1);
    case 2:
        first = 9;
        break;
    case 3:
        value = 1; /* @a */
        break;
    case 4:
        second = 3;
        return &value;
    case 5:
        abort();
    case 6:
        value = 2; /* @b */
        return NULL;
    case 7:
        return which;
    default:
        break;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, work, (void *)(size_t)&first);
    pthread_create(&threads[1], NULL, work, (void *)(size_t)&second);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
