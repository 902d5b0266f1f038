/*
 * Two threads bump a plain counter.
 *
 * EXPECT: race @bump @bump counter [proved]
 * MODE: instrumented clang patched
 * BARE: yes
 */
#include <pthread.h>
#include <sched.h>

int counter;

static void *bump(void *unused)
{
    for (int i = 0; i < 100; i++) {
        counter++; /* @bump */
        sched_yield();
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, bump, NULL);
    pthread_create(&b, NULL, bump, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
