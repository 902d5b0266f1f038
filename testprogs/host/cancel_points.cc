/*
 * A thread that is to be cancelled calls functions that are no points of cancellation, for the first time, so that their
 * call stacks have to be looked up: it is cancelled where it says so, not before, and its destructors are called.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 */
#include <pthread.h>
#include <cstdio>
#include <cstdlib>

#include "../order.h"

#define ROUNDS 20

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int destroyed, passed, round_now;

struct counted {
    ~counted()
    {
        destroyed++;
    }
};

static void *thread(void *)
{
    counted one;
    order_wait(1 + round_now);
    pthread_mutex_lock(&lock);
    free(malloc(100));
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&lock);
    passed++;
    pthread_testcancel();
    passed += 1000;
    return nullptr;
}

int main()
{
    for (round_now = 0; round_now < ROUNDS; round_now++) {
        pthread_t cancelled;
        void *result;
        pthread_create(&cancelled, nullptr, thread, nullptr);
        pthread_cancel(cancelled);
        order_signal(1 + round_now);
        pthread_join(cancelled, &result);
        if (result != PTHREAD_CANCELED)
            return 1;
    }
    printf("%d passed, %d destroyed\n", passed, destroyed);
    return passed != ROUNDS || destroyed != ROUNDS;
}
