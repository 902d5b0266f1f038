/*
 * The same with volatile indices: one suspected finding, nothing proved.
 *
 * EXPECT: race @produced @look head [suspected]
 * MODE: patched
 */
#include <pthread.h>
#include <sched.h>

#define SLOTS 8u

static struct {
    long a, b;
} slots[SLOTS];
static volatile unsigned head, tail;
long sum;

static void *first(void *unused)
{
    for (unsigned i = 0; i < 100; i++) {
        while (i - tail == SLOTS)
            sched_yield();
        slots[i % SLOTS].a = slots[i % SLOTS].b = (long)i;
        head = i + 1; /* @produced */
    }
    return unused;
}

static void *second(void *unused)
{
    for (unsigned i = 0; i < 100; i++) {
        while (head == i) /* @look */
            sched_yield();
        sum += slots[i % SLOTS].a + slots[i % SLOTS].b;
        tail = i + 1;
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
