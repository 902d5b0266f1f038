/*
 * The same with a volatile index: one suspected finding, nothing proved. Nothing is handed back, so that there is but one
 * flag: of two that explain each other either may be named.
 *
 * EXPECT: race @produced @look head [suspected]
 * MODE: patched
 * ONLY: it is about what machine code leaves open; race/volatile_flag.c is for both
 */
#include <pthread.h>
#include <sched.h>

#define SLOTS 100u

static struct {
    long a, b;
} slots[SLOTS];
static volatile unsigned head;
long sum;

static void *first(void *unused)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        slots[i].a = slots[i].b = (long)i;
        head = i + 1; /* @produced */
    }
    return unused;
}

static void *second(void *unused)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        while (head == i) /* @look */
            sched_yield();
        sum += slots[i].a + slots[i].b;
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
