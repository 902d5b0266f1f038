/*
 * A sequence lock of the old school: a volatile counter, wide plain data. Wrong by the language, right on the
 * machine: suspected, not proved, though 16 bytes are read at once.
 *
 * EXPECT: race @write @read sequence [suspected]
 * MODE: patched
 * ONLY: it is about what machine code leaves open; race/volatile_flag.c is for both
 */
#include <pthread.h>
#include <string.h>

static volatile unsigned sequence;
struct {
    long a[4];
} data, copy;

static void *first(void *unused)
{
    for (int i = 1; i < 50; i++) {
        sequence = sequence + 1; /* @write */
        __asm__ volatile("" ::: "memory");
        data.a[0] = data.a[1] = data.a[2] = data.a[3] = i;
        __asm__ volatile("" ::: "memory");
        sequence = sequence + 1;
    }
    return unused;
}

static void *second(void *unused)
{
    for (int i = 0; i < 50; i++) {
        unsigned before;
        do {
            before = sequence; /* @read */
            __asm__ volatile("" ::: "memory");
            copy = data;
            __asm__ volatile("" ::: "memory");
        } while (before != sequence || before % 2);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
