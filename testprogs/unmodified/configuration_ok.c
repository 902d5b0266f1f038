/*
 * A new structure is filled in and published by one atomic pointer; the old ones stay.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdatomic.h>

struct configuration {
    char name[40];
    long limit;
};

static struct configuration all[50];
static _Atomic(struct configuration *) current = &all[0];
long limit;

static void *first(void *unused)
{
    for (int i = 1; i < 50; i++) {
        all[i] = all[0];
        all[i].limit = i;
        atomic_store_explicit(&current, &all[i], memory_order_release);
    }
    return unused;
}

static void *second(void *unused)
{
    for (int i = 0; i < 50; i++)
        limit += atomic_load_explicit(&current, memory_order_acquire)->limit;
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
