/*
 * A segment so long that what it does is gathered (sites=): two of its instructions touch one line, and another task a byte
 * that neither touches.
 *
 * EXPECT: none
 * MODE: patched
 */
#include <pthread.h>

#define LINES 4000

struct line {
    _Alignas(64) char first;
    char second, third;
};

struct line rows[LINES], shared;

static void *work(void *unused)
{
    for (int i = 0; i < LINES; i++) {
        rows[i * 37 % LINES].first = 1; /* one after the other, all were one record */
    }
    shared.first = 1;
    shared.second = 1;
    return unused;
}

int main(void)
{
    pthread_t a;
    pthread_create(&a, NULL, work, NULL);
    shared.third = 2;
    pthread_join(a, NULL);
    return 0;
}
