/*
 * A flag and what lies beside it are made anew by one store of two bytes, as compilers merge them, in a frame that lies where
 * the last one lay. The byte is a flag all the same: another thread sets it, and who made it waits for that.
 *
 * EXPECT: race @ready @packet [suspected]
 * MODE: patched
 * ONLY: the compiler says that the flag is atomic
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t __attribute__((may_alias)) both;
typedef struct {
    long a, b, c;
} message;

struct packet {
    _Alignas(2) char on_stack;
    atomic_char ready;
    message message;
};

static _Atomic(struct packet *) offered;
static message last;

static void *sender(void *unused)
{
    for (long round = 0; round < 50; round++) {
        struct packet *packet;
        while (!(packet = atomic_exchange(&offered, NULL)))
            sched_yield();
        memset(&packet->message, (int)round, sizeof packet->message);
        atomic_store_explicit(&packet->ready, 1, memory_order_release); /* @ready */
    }
    return unused;
}

static __attribute__((noinline)) void receive(void)
{
    struct packet packet;
    *(both *)(void *)&packet = 1; /* @packet */
    memset(&packet.message, 0, sizeof packet.message);
    atomic_exchange(&offered, &packet);
    while (!atomic_load_explicit(&packet.ready, memory_order_acquire))
        sched_yield();
    memcpy(&last, &packet.message, sizeof last);
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, sender, NULL);
    for (int round = 0; round < 50; round++)
        receive();
    return pthread_join(thread, NULL);
}
