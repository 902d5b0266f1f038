/*
 * Locks of one bit each, in a string of bits, some of them before where the instruction's address lies: taken by `lock bts`
 * with the bit's number in a register (GLib's g_bit_lock does so), given back by `lock btr`. Each guards a piece of memory;
 * what is stored beside the locks is nobody else's.
 *
 * EXPECT: none
 * MODE: patched
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { LOCKS = 256, MIDDLE = 128 };
static unsigned bits[LOCKS / 32 + 32];
static struct {
    char text[64];
} guarded[LOCKS];

static void take(int number)
{
    unsigned char taken;
    for (;;) {
        __asm__ volatile("lock btsl %2, %0\n\tsetc %1"
                         : "+m"(bits[MIDDLE / 32]), "=q"(taken)
                         : "r"(number)
                         : "memory", "cc");
        if (!taken)
            return;
        sched_yield();
    }
}

static void give(long number)
{
    __asm__ volatile("lock btrq %1, %0" : "+m"(bits[MIDDLE / 32]) : "r"(number) : "memory", "cc");
}

static void *turns(void *own)
{
    unsigned *word = own;
    for (int i = 0; i < 2000; i++) {
        int number = i * 7 % LOCKS - MIDDLE;
        take(number);
        memset(&guarded[number + MIDDLE], i, sizeof *guarded);
        give(number);
        *word += 1;
    }
    return NULL;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, turns, &bits[LOCKS / 32 + 8]);
    pthread_create(&b, NULL, turns, &bits[LOCKS / 32 + 16]);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return bits[LOCKS / 32 + 8] != 2000 || bits[0];
}
