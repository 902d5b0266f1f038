/*
 * An allocator in a library of its own, with malloc and with operator new, that hands a block which one thread gave back to
 * the next who asks: its own accesses, its free list within blocks included, are not recorded, and memory that is used
 * again is other memory.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * ENV: GOROCHECK_OPTIONS=patch=app
 * SAYS: memory used again by another thread
 * LIBS: -ldl
 * CFLAGS: -Wno-mismatched-new-delete
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <pthread.h>
#include <string>
#include <unistd.h>

#include "../order.h"

static const char source[] = R"(
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
struct block { size_t size; struct block *next; };
static char arena[1 << 22] __attribute__((aligned(64)));
static size_t used;
static struct block *unused;
static char taken;
static long asked; /* roughly: no lock, relaxed */
static void *get(size_t size, size_t alignment)
{
    __atomic_store_n(&asked, __atomic_load_n(&asked, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
    while (__atomic_test_and_set(&taken, __ATOMIC_ACQUIRE))
        __builtin_ia32_pause();
    struct block *block = NULL;
    for (struct block **place = &unused; *place && !block; place = &(*place)->next)
        if ((*place)->size >= size && ((uintptr_t)(*place + 1) & (alignment - 1)) == 0) {
            block = *place;
            *place = block->next;
            break;
        }
    if (!block) {
        size_t at = (used + sizeof(struct block) + alignment - 1) & ~(alignment - 1);
        if (at + size <= sizeof arena) {
            used = (at + size + 15) & ~(size_t)15;
            block = (struct block *)(arena + at) - 1;
            block->size = used - at;
        }
    }
    __atomic_clear(&taken, __ATOMIC_RELEASE);
    if (!block) {
        errno = ENOMEM;
        return NULL;
    }
    block->next = (struct block *)&taken;
    return block + 1;
}
void *malloc(size_t size) { return get(size, 16); }
void *aligned_alloc(size_t alignment, size_t size) { return get(size, alignment < 16 ? 16 : alignment); }
void *memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }
int posix_memalign(void **place, size_t alignment, size_t size)
{
    return (*place = aligned_alloc(alignment, size)) ? 0 : ENOMEM;
}
void free(void *p)
{
    if (!p)
        return;
    struct block *block = (struct block *)p - 1;
    while (__atomic_test_and_set(&taken, __ATOMIC_ACQUIRE))
        __builtin_ia32_pause();
    if (block->size >= sizeof(void *))
        memset(p, 0xee, sizeof(void *));
    block->next = unused;
    unused = block;
    __atomic_clear(&taken, __ATOMIC_RELEASE);
}
size_t malloc_usable_size(void *p) { return p ? ((struct block *)p - 1)->size : 0; }
void *calloc(size_t count, size_t size)
{
    void *p = get(count * size, 16);
    return p ? memset(p, 0, count * size) : p;
}
void *realloc(void *p, size_t size)
{
    void *fresh = get(size, 16);
    if (fresh && p) {
        size_t old = malloc_usable_size(p);
        memcpy(fresh, p, old < size ? old : size);
        free(p);
    }
    return fresh;
}
void *_Znwm(size_t size) { return get(size, 16); }
void *_Znam(size_t size) { return get(size, 16); }
void *_ZnwmSt11align_val_t(size_t size, size_t alignment) { return get(size, alignment); }
static void give(void *p) { free(p); }
void _ZdlPv(void *p) { give(p); }
void _ZdlPvm(void *p, size_t size) { (void)size; give(p); }
void _ZdaPv(void *p) { give(p); }
void _ZdlPvSt11align_val_t(void *p, size_t alignment) { (void)alignment; give(p); }
void _ZdlPvmSt11align_val_t(void *p, size_t size, size_t alignment) { (void)size, (void)alignment; give(p); }
)";

struct alignas(64) wide {
    long values[8];
};

static void *places[2][4];

static void use(void **seen)
{
    long *one = new long(7);
    auto *row = new char[200];
    auto *line = new wide();
    auto *plain = static_cast<long *>(malloc(1000));
    memset(row, 1, 200);
    line->values[7] = *plain = *one;
    seen[0] = one;
    seen[1] = row;
    seen[2] = line;
    seen[3] = plain;
    delete one;
    delete[] row;
    delete line;
    free(plain);
}

static void *first(void *unused)
{
    use(places[0]);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    use(places[1]);
    return unused;
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!getenv("ALLOCATOR_LOADED")) {
        FILE *file = fopen("allocator.c", "w");
        if (!file || fputs(source, file) < 0 || fclose(file))
            return 1;
        if (system("LD_PRELOAD= cc -shared -fPIC -O1 -fno-builtin -g -o allocator.so allocator.c"))
            return 2;
        const char *before = getenv("LD_PRELOAD");
        std::string preload = before && *before ? std::string(before) + ":./allocator.so" : "./allocator.so";
        setenv("LD_PRELOAD", preload.c_str(), 1);
        setenv("ALLOCATOR_LOADED", "1", 1);
        execv("/proc/self/exe", argv);
        return 3;
    }
    pthread_t a, b;
    if (pthread_create(&a, nullptr, first, nullptr) || pthread_create(&b, nullptr, second, nullptr))
        return 4;
    pthread_join(a, nullptr);
    pthread_join(b, nullptr);
    int again = 0;
    for (void *mine : places[1])
        for (void *other : places[0])
            again += mine == other;
    if (again)
        fputs("memory used again by another thread\n", stderr);
    return 0;
}
