/*
 * A pair of words is stored and read by aligned moves, in a program without cmpxchg16b: that is in a library, which comes
 * late. The moves are atomic operations all the same, and what the pair hands over does not race.
 *
 * EXPECT: none
 * MODE: patched
 * ENV: GOROCHECK_OPTIONS=patch=app
 */
#include <dlfcn.h>
#include <emmintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

enum { ROUNDS = 1000 };
struct pair {
    uint64_t turn, check;
} __attribute__((aligned(16)));
static struct pair cell;
static struct {
    long a, b, c;
} data;

static struct pair load(const struct pair *p)
{
    __m128i value;
    __asm__ volatile("movdqa %1, %0" : "=x"(value) : "m"(*p) : "memory");
    struct pair pair;
    _mm_storeu_si128((__m128i *)&pair, value);
    return pair;
}

static void store(struct pair *p, struct pair pair)
{
    __m128i value = _mm_loadu_si128((const __m128i *)&pair);
    __asm__ volatile("movaps %1, %0" : "=m"(*p) : "x"(value) : "memory");
}

static void *player(void *first)
{
    for (uint64_t turn = first ? 1 : 0; turn < 2 * ROUNDS; turn += 2) {
        struct pair now;
        while ((now = load(&cell)).turn != turn)
            sched_yield();
        data.a++;
        data.c++;
        store(&cell, (struct pair){turn + 1, turn + 1});
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
    if (data.a != 2 * ROUNDS)
        return 1;
    void *library = dlopen("libatomic.so.1", RTLD_NOW);
    bool (*exchange)(struct pair *, struct pair *, struct pair, int, int);
    *(void **)(void *)&exchange = library ? dlsym(library, "__atomic_compare_exchange_16") : NULL;
    struct pair end = {2 * ROUNDS, 2 * ROUNDS};
    return !exchange ||
           !exchange(&cell, &end, (struct pair){0, 0}, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
