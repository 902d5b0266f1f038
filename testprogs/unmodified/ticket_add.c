/*
 * A ticket lock whose holder gives it back by an `add` without LOCK, in assembly: compiled by gcc, which makes no such
 * instruction of an atomic operation, but it is one. The two `add`s are unordered as long as the word is not taken for a
 * flag.
 *
 * EXPECT: race @give @take serving [suspected]
 * MODE: patched
 * ONLY: for the compiler's instrumentation assembly is no access
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

static volatile unsigned serving;
static unsigned next;
static char place[256];

static void *turns(void *data)
{
    for (int i = 0; i < 200; i++) {
        unsigned mine = __atomic_fetch_add(&next, 1, __ATOMIC_ACQ_REL);
        while (serving != mine) /* @take */
            sched_yield();
        __asm__ volatile("" ::: "memory");
        memset(place, i, sizeof place);
        __asm__ volatile("incl %0" : "+m"(serving) : : "memory"); /* @give */
    }
    return data;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, turns, NULL);
    pthread_create(&b, NULL, turns, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
