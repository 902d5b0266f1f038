/*
 * A lock of a program's own that inherits priority: taken and given back by LOCK as long as nobody waits, else by the
 * kernel, which writes the word.
 *
 * EXPECT: none
 * MODE: patched
 */
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned word;
static char place[256];

static void *turns(void *data)
{
    unsigned me = (unsigned)syscall(SYS_gettid);
    for (int i = 0; i < 500; i++) {
        unsigned seen = 0;
        if (!__atomic_compare_exchange_n(&word, &seen, me, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
            while (syscall(SYS_futex, &word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) != 0)
                ;
        memset(place, i, sizeof place);
        seen = me;
        if (!__atomic_compare_exchange_n(&word, &seen, 0, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            syscall(SYS_futex, &word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
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
