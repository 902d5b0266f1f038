/*
 * Touches memory in all the ways compilers and hand-written assembly do, in two threads, each in an area of its own. `run`
 * builds it ten times and compares the bytes recorded with those that Valgrind's lackey saw. Prints where the areas and
 * the program's code are.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

extern char __executable_start, etext;

struct record {
    char c;
    short s;
    int i;
    long l;
    long double x;
    unsigned bits : 5, more : 11;
};

struct area {
    uint8_t bytes[4096];
    uint16_t halves[2048];
    uint32_t words[2048];
    uint64_t quads[2048];
    float floats[2048];
    double doubles[2048];
    struct record records[300];
    char strings[4096];
    char copies[4096];
    uint64_t pair[2] __attribute__((aligned(16)));
    uint64_t walked[2048];
    uint16_t filled[4096];
    long result;
};
static struct area areas[2] __attribute__((aligned(4096)));

typedef int function(struct area *, int);
static int increments(struct area *g, int x)
{
    g->words[x & 7]++;
    return x + 1;
}
static int exclusive(struct area *g, int x)
{
    g->halves[x & 15] ^= (uint16_t)x;
    return x * 2;
}
static function *const table[4] = {increments, exclusive, increments, exclusive};

static int one_of(struct area *g, int k)
{
    switch (k % 11) {
    case 0:
        return g->bytes[k];
    case 1:
        return g->halves[k]++;
    case 2:
        return (int)(g->words[k] -= 3);
    case 3:
        return (int)(g->quads[k] ^= 5);
    case 4:
        g->floats[k] *= 1.5f;
        return 1;
    case 5:
        g->doubles[k] = k;
        return 2;
    case 6:
        return g->records[k % 300].s;
    case 7:
        g->records[k % 300].x += 1;
        return 3;
    case 8:
        g->records[k % 300].bits++;
        return g->records[k % 299].more;
    case 9:
        return (int)__atomic_exchange_n(&g->words[200 + k % 5], (uint32_t)k, __ATOMIC_SEQ_CST);
    default:
        return (int)__sync_fetch_and_add(&g->words[100 + k % 5], 1);
    }
}

/* What compilers seldom or never write. What is read is used: Valgrind
 * leaves out loads for nothing. No bt: it loads only the byte that holds the bit. */
static void assembly(struct area *g, unsigned k)
{
    void *to = g->copies + k % 2000, *from = g->strings + k % 1000;
    size_t count = k % 40;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    count = k % 20;
    to = g->copies + 2100 + k % 900;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(0L) : "memory");
    to = g->strings + 2000 + k % 500, from = g->strings + 2600 + k % 500, count = 30;
    __asm__ volatile("repe cmpsb" : "+D"(to), "+S"(from), "+c"(count)::"memory", "cc");
    to = g->bytes + 3000 + k % 500, count = 50;
    __asm__ volatile("repne scasb" : "+D"(to), "+c"(count) : "a"(7) : "memory", "cc");
    to = g->copies + 3300 + k % 300, from = g->strings + 3300 + k % 300, count = 9;
    __asm__ volatile("std; rep movsw; cld" : "+D"(to), "+S"(from), "+c"(count)::"memory", "cc");
    from = g->strings + k % 700;
    uint32_t loaded, moved = k;
    __asm__ volatile("lodsl" : "+S"(from), "=a"(loaded)::"memory");
    __asm__ volatile("lock cmpxchg16b %0"
                     : "+m"(g->pair)
                     : "a"(g->pair[0]), "d"(g->pair[1]), "b"(1L), "c"(2L)
                     : "cc");
    __asm__ volatile("push %1; pop %0" : "=m"(g->quads[1000 + k % 300]) : "m"(g->quads[k % 300]));
    __asm__ volatile("xadd %0, %1; shld $3, %0, %1"
                     : "+r"(k), "+m"(g->words[1400 + k % 100])::"cc");
    __asm__ volatile("movups %0, %%xmm0; movhps %%xmm0, %1; movss %%xmm0, %2"
                     :
                     : "m"(g->floats[k % 100]), "m"(g->doubles[500 + k % 100]),
                       "m"(g->floats[600 + k % 100])
                     : "xmm0", "memory");
    __asm__ volatile("fldt %0; fstpt %1"
                     :
                     : "m"(g->records[k % 50].x), "m"(g->records[50 + k % 50].x)
                     : "memory");
    __asm__ volatile("fildq %0; fistpl %1"
                     :
                     : "m"(g->quads[1500 + k % 50]), "m"(g->words[1600 + k % 50])
                     : "memory");
    __asm__ volatile("setc %0; cmovzl %2, %1"
                     : "=m"(g->bytes[2000 + k % 70]), "+r"(moved)
                     : "m"(g->words[1700 + k % 50]));
    g->result += loaded + moved;
}

#ifdef __AVX2__
static void vectors(struct area *g, unsigned k)
{
    __m256i index = _mm256_setr_epi32(1, 9, 30, 2, 77, 5, 60, 33);
    __m256i mask = _mm256_setr_epi32(-1, 0, -1, -1, 0, 0, -1, (int)(k << 31));
    const int *base = (const int *)&g->words[k % 1000];
    __m256i a = _mm256_i32gather_epi32(base, index, 4);
    a = _mm256_mask_i32gather_epi32(a, base + 90, index, mask, 4);
    __m256i b = _mm256_i64gather_epi64((const long long *)&g->quads[k % 500],
                                       _mm256_setr_epi64x(3, 50, 7, 20), 8);
    _mm256_maskstore_epi32((int *)&g->words[1100 + k % 200], mask, a);
    b = _mm256_add_epi64(b,
                         _mm256_maskload_epi64((const long long *)&g->quads[700 + k % 90], mask));
    _mm256_storeu_si256((__m256i *)&g->quads[800 + k % 90], b);
    _mm256_maskstore_ps(&g->floats[900 + k % 90], mask,
                        _mm256_maskload_ps(&g->floats[1000 + k % 90], mask));
    _mm256_storeu_ps(&g->floats[1200 + k % 90], _mm256_broadcast_ss(&g->floats[1300 + k % 90]));
}
#endif

/* Loops without branches, over what they have met before and then some: see shim/patch_span.c. */
static __attribute__((noinline)) uint64_t walk(const volatile uint64_t *from, unsigned count,
                                               unsigned stride)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        sum += *from;
        from += stride;
    }
    return sum;
}

static __attribute__((noinline)) void fill(volatile uint16_t *to, unsigned from, unsigned end)
{
    for (unsigned i = from; i < end; i++)
        to[i] = (uint16_t)(to[i + 7] + i);
}

static long walks(struct area *g)
{
    uint64_t sum = 0;
    unsigned seed = 7;
    for (unsigned i = 0; i < 900; i++) {
        seed = seed * 1664525 + 1013904223;
        unsigned from = (seed >> 16) % (i + 1), count = (seed >> 8) % 200;
        sum += walk(g->walked + 3 + from, count, 1 + i % 2);
        fill(g->filled, 5 + from, 5 + from + count % 150);
    }
    return (long)sum;
}

static void *exercise(void *area)
{
    struct area *g = area;
    unsigned seed = 1;
    long sum = 0;
    for (int i = 0; i < 600; i++) {
        seed = seed * 1664525 + 1013904223;
        unsigned k = seed >> 21;
        sum += one_of(g, (int)(k % 2000));
        sum += table[seed >> 30](g, i);
        uint32_t word = k;
        uint64_t quad;
        __builtin_memcpy(g->strings + k % 3000 + 3, &word,
                         4); /* unaligned, over the ends of lines */
        __builtin_memcpy(&quad, g->strings + 61 + k % 50 * 64, 8);
        quad++;
        __builtin_memcpy(g->strings + 61 + k % 50 * 64, &quad, 8);
        assembly(g, k);
#ifdef __AVX2__
        vectors(g, k);
#endif
    }
    for (int i = 0; i < 1000; i++) {
        g->floats[i] += g->floats[i + 500] * 2;
        g->quads[i] += g->words[i];
        g->records[i % 300].l += g->bytes[i];
    }
    for (int i = 0; i < 700; i++)
        if (g->halves[i] > g->halves[i + 1]) {
            uint16_t swap = g->halves[i];
            g->halves[i] = g->halves[i + 1];
            g->halves[i + 1] = swap;
        }
    sum += walks(g);
    double z = 0;
    for (int i = 0; i < 999; i++)
        z += g->doubles[i];
    g->result = sum + (long)z;
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    printf("%p %zu %p %p\n", (void *)areas, sizeof areas, (void *)&__executable_start,
           (void *)&etext);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, exercise, &areas[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
