/*
 * A pair of words is exchanged by cmpxchg16b and read by one aligned move, as libatomic does where the processor has AVX:
 * what it reads may have come after the load was announced and before it ran.
 *
 * EXPECT: none
 * MODE: patched
 */
#include <emmintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

enum { ROUNDS = 3000 };
struct pair {
    uint64_t turn, check;
} __attribute__((aligned(16)));
static struct pair cell;
static int data;

static struct pair load(const struct pair *p)
{
    __m128i value;
    __asm__ volatile("movdqa %1, %0" : "=x"(value) : "m"(*p) : "memory");
    struct pair pair;
    _mm_storeu_si128((__m128i *)&pair, value);
    return pair;
}

static void exchange(struct pair *p, struct pair old, struct pair new)
{
    __asm__ volatile("lock cmpxchg16b %0"
                     : "+m"(*p), "+a"(old.turn), "+d"(old.check)
                     : "b"(new.turn), "c"(new.check)
                     : "memory", "cc");
}

static void *player(void *first)
{
    for (uint64_t turn = first ? 1 : 0; turn < 2 * ROUNDS; turn += 2) {
        struct pair now;
        while ((now = load(&cell)).turn != turn)
            sched_yield();
        data++;
        exchange(&cell, now, (struct pair){turn + 1, turn + 1});
    }
    return NULL;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, player, NULL);
    pthread_create(&b, NULL, player, &cell);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return data != 2 * ROUNDS;
}
