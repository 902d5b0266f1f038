/*
 * Compute kernels for `make bench`, two threads each: what memory-bound, compute-bound, byte-wise
 * and lock-heavy code costs under a recorder.
 *
 *     kernels sort|matrix|lz|hash SIZE [REPEATS]
 *
 * Prints a checksum that does not depend on how it was built. REPEATS (of sort and matrix) lie between two
 * synchronisations, one behind the other: data that fit a recorder's filter are then seen again.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 2

static unsigned long size, repeats = 1;

static uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* ---- sort: merge sort of private arrays, SIZE numbers ---- */

static void merge_sort(uint32_t *a, uint32_t *room, size_t n)
{
    if (n <= 12) {
        for (size_t i = 1; i < n; i++) {
            uint32_t x = a[i];
            size_t j = i;
            for (; j > 0 && a[j - 1] > x; j--)
                a[j] = a[j - 1];
            a[j] = x;
        }
        return;
    }
    size_t half = n / 2;
    merge_sort(a, room, half);
    merge_sort(a + half, room, n - half);
    for (size_t i = 0; i < half; i++)
        room[i] = a[i];
    size_t left = 0, right = half, to = 0;
    while (left < half && right < n) {
        if (room[left] <= a[right])
            a[to++] = room[left++];
        else
            a[to++] = a[right++];
    }
    while (left < half)
        a[to++] = room[left++];
}

static void *sort_worker(void *argument)
{
    uint32_t seed = 2463534242u + (uint32_t)(uintptr_t)argument;
    uint32_t *a = malloc(size * sizeof *a), *room = malloc(size * sizeof *a);
    if (!a || !room)
        abort();
    uintptr_t sum = 0;
    for (unsigned long turn = 0; turn < repeats; turn++) {
        for (size_t i = 0; i < size; i++)
            a[i] = random_next(&seed);
        merge_sort(a, room, size);
        for (size_t i = 1; i < size; i++)
            sum += (a[i - 1] <= a[i]) + (a[i] ^ (uint32_t)i) % 3;
    }
    free(a);
    free(room);
    return (void *)sum;
}

/* ---- matrix: SIZE x SIZE doubles; both threads read the factors, each writes half of the rows
 * ---- */

static double *left_factor, *right_factor, *product;

static void multiply(size_t from, size_t to)
{
    for (size_t row = from; row < to; row++)
        for (size_t column = 0; column < size; column++) {
            double sum = 0;
            for (size_t k = 0; k < size; k++)
                sum += left_factor[row * size + k] * right_factor[k * size + column];
            product[row * size + column] = sum;
        }
}

static void *matrix_worker(void *argument)
{
    size_t from = (size_t)argument * size / THREADS, to = ((size_t)argument + 1) * size / THREADS;
    for (unsigned long turn = 0; turn < repeats; turn++)
        multiply(from, to);
    return NULL;
}

static void matrix_start(void)
{
    left_factor = malloc(size * size * sizeof(double));
    right_factor = malloc(size * size * sizeof(double));
    product = malloc(size * size * sizeof(double));
    if (!left_factor || !right_factor || !product)
        abort();
    for (size_t i = 0; i < size * size; i++) {
        left_factor[i] = (double)(i % 17);
        right_factor[i] = (double)(i % 13) - 6;
    }
}

static uintptr_t matrix_sum(void)
{
    double sum = 0;
    for (size_t i = 0; i < size * size; i++)
        sum += product[i] * (double)(i % 5);
    return (uintptr_t)(int64_t)sum;
}

/* ---- lz: a greedy matcher with a hash of three bytes over SIZE KiB of text, half for each thread
 * ---- */

static unsigned char *text;

static void *lz_worker(void *argument)
{
    enum { BITS = 15 };
    size_t length = size * 1024, from = (size_t)argument * length / THREADS,
           to = from + length / THREADS;
    uint32_t *last = calloc((size_t)1 << BITS, sizeof *last);
    if (!last)
        abort();
    uintptr_t tokens = 0;
    for (size_t at = from; at + 4 < to;) {
        uint32_t three = (uint32_t)(text[at] | text[at + 1] << 8 | text[at + 2] << 16);
        uint32_t slot = (three * 2654435761u) >> (32 - BITS);
        size_t candidate = last[slot];
        last[slot] = (uint32_t)at + 1;
        size_t match = 0;
        if (candidate > from)
            while (at + match < to && match < 258 &&
                   text[candidate - 1 + match] == text[at + match])
                match++;
        at += match >= 4 ? match : 1;
        tokens++;
    }
    free(last);
    return (void *)tokens;
}

static void lz_start(void)
{
    static const char *const words[] = {"the ",    "race ", "of ", "a ",
                                        "thread ", "lock ", "is ", "lost\n"};
    size_t length = size * 1024, at = 0;
    uint32_t seed = 88172645;
    text = malloc(length);
    if (!text)
        abort();
    while (at < length) {
        uint32_t value = random_next(&seed);
        const char *word = words[value % 8];
        for (; *word && at < length; word++)
            text[at++] = (unsigned char)*word;
        if (value >> 28 == 0 && at < length)
            text[at++] = (unsigned char)(value >> 8);
    }
}

/* ---- hash: SIZE thousand look-ups and inserts by each thread in one table behind striped mutexes
 * ---- */

enum { BUCKETS = 1 << 14, STRIPES = 64, KEYS = 50000 };

struct entry {
    struct entry *next;
    uint64_t key, hits;
    char name[24];
};

static struct entry *buckets[BUCKETS];
static pthread_mutex_t stripes[STRIPES];

static uint64_t hash(uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u;
    return key ^ key >> 29;
}

static void *hash_worker(void *argument)
{
    uint32_t seed = 521288629u + 7919u * (uint32_t)(uintptr_t)argument;
    for (unsigned long i = 0; i < size * 1000; i++) {
        uint64_t key = random_next(&seed) % KEYS, bucket = hash(key) % BUCKETS;
        pthread_mutex_lock(&stripes[bucket % STRIPES]);
        struct entry *entry = buckets[bucket];
        while (entry && entry->key != key)
            entry = entry->next;
        if (!entry) {
            entry = calloc(1, sizeof *entry);
            if (!entry)
                abort();
            entry->key = key;
            for (size_t c = 0; c + 1 < sizeof entry->name && key >> c; c++)
                entry->name[c] = (char)('a' + (key >> c) % 26);
            entry->next = buckets[bucket];
            buckets[bucket] = entry;
        }
        for (const char *c = entry->name; *c; c++)
            entry->hits += (uint64_t)*c & 1;
        entry->hits++;
        pthread_mutex_unlock(&stripes[bucket % STRIPES]);
    }
    return NULL;
}

static void hash_start(void)
{
    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_init(&stripes[i], NULL);
}

static uintptr_t hash_sum(void)
{
    uintptr_t sum = 0;
    for (int i = 0; i < BUCKETS; i++)
        for (const struct entry *entry = buckets[i]; entry; entry = entry->next)
            sum += entry->hits * (entry->key + 1);
    return sum;
}

static void start_nothing(void)
{
}

static uintptr_t sum_nothing(void)
{
    return 0;
}

static const struct kernel {
    const char *name;
    void (*start)(void);
    void *(*worker)(void *);
    uintptr_t (*sum)(void);
} kernels[] = {
    {"sort", start_nothing, sort_worker, sum_nothing},
    {"matrix", matrix_start, matrix_worker, matrix_sum},
    {"lz", lz_start, lz_worker, sum_nothing},
    {"hash", hash_start, hash_worker, hash_sum},
};

int main(int argc, char **argv)
{
    const struct kernel *kernel = NULL;
    for (size_t i = 0; argc >= 3 && i < sizeof kernels / sizeof *kernels; i++)
        if (!strcmp(argv[1], kernels[i].name))
            kernel = &kernels[i];
    size = argc >= 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (argc == 4)
        repeats = strtoul(argv[3], NULL, 10);
    if (!kernel || !size) {
        fprintf(stderr, "usage: kernels sort|matrix|lz|hash SIZE [REPEATS]\n");
        return 2;
    }
    kernel->start();
    pthread_t threads[THREADS];
    uintptr_t sum = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, kernel->worker, (void *)i))
            abort();
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (uintptr_t)result;
    }
    printf("%s %lu: %lu\n", kernel->name, size, (unsigned long)(sum + kernel->sum()));
    return 0;
}
