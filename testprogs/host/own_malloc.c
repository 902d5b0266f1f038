/*
 * The program brings its own malloc, as those linked with jemalloc or tcmalloc do.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char arena[1 << 22];
static size_t used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned calls;

void *malloc(size_t size)
{
    pthread_mutex_lock(&lock);
    size_t at = (used + 31) & ~(size_t)15;
    void *block = NULL;
    if (at + size <= sizeof(arena)) {
        memcpy(arena + at - sizeof(size), &size, sizeof(size));
        used = at + size;
        block = arena + at;
    }
    calls++;
    pthread_mutex_unlock(&lock);
    if (!block)
        errno = ENOMEM;
    return block;
}

void free(void *block)
{
    (void)block;
}

void *calloc(size_t count, size_t size)
{
    return malloc(count * size); /* fresh memory is zero */
}

void *realloc(void *old, size_t size)
{
    size_t before = 0;
    void *block = malloc(size);
    if (old)
        memcpy(&before, (char *)old - sizeof(before), sizeof(before));
    if (block && old)
        memcpy(block, old, before < size ? before : size);
    return block;
}

static void *work(void *unused)
{
    for (int i = 0; i < 100; i++) {
        char *text = strdup("some text");
        text = realloc(text, 100);
        free(text);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d\n", calls >= 400);
    return 0;
}
