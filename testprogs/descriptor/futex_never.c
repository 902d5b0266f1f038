/*
 * A lock of the program's own, made of the futex: one thread ends without giving it up, the other one sleeps for ever.
 *
 * EXPECT: exit hang
 * EXPECT: blocked @sleep word [proved]
 * EXPECT: blocked @join [proved]
 * MODE: plain instrumented
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static int word;

static void take(void)
{
    while (__atomic_exchange_n(&word, 1, __ATOMIC_ACQUIRE))
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0); /* @sleep */
}

static void *work(void *unused)
{
    take();
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, work, NULL);
    pthread_join(threads[0], NULL);
    pthread_create(&threads[1], NULL, work, NULL);
    pthread_join(threads[1], NULL); /* @join */
    return 0;
}
