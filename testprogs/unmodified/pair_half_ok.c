/*
 * Half of what cmpxchg16b exchanges is stored by a release of its own, or added to.
 *
 * EXPECT: none
 * MODE: patched
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

enum { ROUNDS = 2000 };
static struct {
    uint64_t low;
    _Atomic uint64_t high;
} __attribute__((aligned(16))) cell;
static int data;

static int exchange(uint64_t low, uint64_t high, uint64_t new_low, uint64_t new_high)
{
    int done;
    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(done), "+m"(cell), "+a"(low), "+d"(high)
                     : "b"(new_low), "c"(new_high)
                     : "memory");
    return done;
}

static void *half(void *unused)
{
    for (uint64_t i = 0; i < ROUNDS; i++) {
        while (atomic_load_explicit(&cell.high, memory_order_acquire) != 2 * i)
            sched_yield();
        data++;
        if (i % 2)
            atomic_store_explicit(&cell.high, 2 * i + 1, memory_order_release);
        else
            atomic_fetch_add_explicit(&cell.high, 1, memory_order_release);
    }
    return unused;
}

static void *whole(void *unused)
{
    for (uint64_t i = 0; i < ROUNDS; i++) {
        while (!exchange(i, 2 * i + 1, i, 2 * i + 1))
            sched_yield();
        data++;
        exchange(i, 2 * i + 1, i + 1, 2 * i + 2);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, half, NULL);
    pthread_create(&b, NULL, whole, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return data != 2 * ROUNDS;
}
