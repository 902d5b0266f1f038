/*
 * A pointer handed over by exchange, back and forth.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>

struct box {
    int value;
};
static _Atomic(struct box *) slot;
static struct box box;

static void play(int parity)
{
    for (int turn = 0; turn < 20;) {
        struct box *got = atomic_exchange_explicit(&slot, NULL, memory_order_acquire);
        if (!got)
            continue;
        if (got->value % 2 == parity) {
            got->value++;
            turn++;
        }
        atomic_store_explicit(&slot, got, memory_order_release);
    }
}

static void *first(void *unused)
{
    atomic_store_explicit(&slot, &box, memory_order_release);
    play(0);
    return unused;
}

static void *second(void *unused)
{
    play(1);
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
