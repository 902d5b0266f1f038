/*
 * A spin lock inlined into the program: xchg takes it, a plain store gives it back.
 *
 * EXPECT: none
 * MODE: patched
 */
#include <pthread.h>

static int word, count[16];

static void take(void)
{
    int one = 1;
    do
        __asm__ volatile("xchgl %0, %1" : "+r"(one), "+m"(word) : : "memory");
    while (one);
}

static void give(void)
{
    __asm__ volatile("movl $0, %0" : "=m"(word) : : "memory");
}

static void *first(void *unused)
{
    for (int i = 0; i < 200; i++) {
        take();
        count[i % 16]++;
        give();
    }
    return unused;
}

static void *second(void *unused)
{
    return first(unused);
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
