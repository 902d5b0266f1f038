/*
 * A flag that is stored twice in straight code; in between comes an acquire, so the second store lies in a segment of its
 * own, with the data that it hands over. These do not race.
 *
 * EXPECT: race @wait @stored [suspected]
 * MODE: patched
 * ONLY: the compiler says that the flag is volatile, and where the acquire is
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static volatile int flag;
static atomic_int go;
static char data[64];

static void *writer(void *unused)
{
    usleep(50000); /* `go` has been stored */
    flag = 1;      /* @stored */
    (void)atomic_load_explicit(&go, memory_order_acquire);
    memset(data, 1, sizeof data);
    __asm__ volatile("" ::: "memory");
    flag = 2;
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, writer, NULL);
    atomic_exchange(&go, 1);
    while (flag != 2) /* @wait */
        sched_yield();
    char copy[64];
    memcpy(copy, data, sizeof copy);
    __asm__ volatile("" ::"r"(copy) : "memory");
    pthread_join(thread, NULL);
    return copy[63] != 1;
}
