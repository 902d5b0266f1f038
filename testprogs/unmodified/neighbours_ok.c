/*
 * Two flags in one word, each between two threads of its own: to set one takes nothing away from the other.
 *
 * EXPECT: none
 * MODE: patched instrumented
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { ROUNDS = 1000 };
static struct {
    atomic_int first, second;
} flags __attribute__((aligned(8)));
static struct {
    long long values[3];
} data[2];

static atomic_int *flag_of(int number)
{
    return number ? &flags.second : &flags.first;
}

static void *giver(void *number)
{
    atomic_int *flag = flag_of(number != NULL);
    for (int i = 1; i <= ROUNDS; i++) {
        while (atomic_load_explicit(flag, memory_order_acquire))
            sched_yield();
        data[number != NULL].values[0] = data[number != NULL].values[1] = i;
        atomic_store_explicit(flag, 1, memory_order_release);
    }
    return NULL;
}

static void *taker(void *number)
{
    atomic_int *flag = flag_of(number != NULL);
    for (int i = 1; i <= ROUNDS; i++) {
        while (!atomic_load_explicit(flag, memory_order_acquire))
            sched_yield();
        data[number != NULL].values[2] += data[number != NULL].values[1];
        atomic_store_explicit(flag, 0, memory_order_release);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    atomic_exchange(&flags.first, 0);
    atomic_exchange(&flags.second, 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i % 2 ? taker : giver, i / 2 ? &flags : NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    return data[0].values[2] != data[1].values[2];
}
