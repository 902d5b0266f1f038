/*
 * A segment so long that what it does is gathered (sites=): two of its instructions touch one line, and another task the byte
 * of the second.
 *
 * EXPECT: race @other @first
 * MODE: patched
 * ONLY: accesses of instrumented code are never gathered
 */
#include <pthread.h>

#define LINES 4000

struct line {
    _Alignas(64) char first;
    char second;
};

struct line rows[LINES], shared;

static void *work(void *unused)
{
    for (int i = 0; i < LINES; i++) {
        rows[i * 37 % LINES].first = 1; /* one after the other, all were one record */
    }
    shared.first = 1; /* @first */
    shared.second = 1;
    return unused;
}

int main(void)
{
    pthread_t a;
    pthread_create(&a, NULL, work, NULL);
    shared.second = 2; /* @other */
    pthread_join(a, NULL);
    return 0;
}
