/*
 * The racing instructions are those of std::vector's header; the places told are the program's own, which called it.
 *
 * EXPECT: race @set @get [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <vector>

#include "../order.h"

static std::vector<long> values(4);

static void *set(void *)
{
    values[2] = 1; /* @set */
    order_signal(1);
    return nullptr;
}

int main()
{
    pthread_t thread;
    pthread_create(&thread, nullptr, set, nullptr);
    order_wait(1);
    long seen = values[2]; /* @get */
    pthread_join(thread, nullptr);
    printf("%ld\n", seen);
}
