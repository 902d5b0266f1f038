/*
 * With CET an indirect branch must arrive at an endbr64. It stays where it was, in front of what leads into the copy.
 *
 * EXPECT: race @a @b value
 * MODE: plain
 * CFLAGS: -fcf-protection=full
 * ENV: GOROCHECK_OPTIONS=patch=app
 * ONLY: it is about patching
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int value;

static void *a(void *unused)
{
    value = 1; /* @a */
    return unused;
}

static void *b(void *unused)
{
    value = 2; /* @b */
    return unused;
}

/* The first bytes, by the kernel's eyes: nothing of the compiler's may know better. */
static int landing(void *(*function)(void *))
{
    uint8_t bytes[4];
    memcpy(bytes, (const void *)(uintptr_t)function, sizeof(bytes));
    return memcmp(bytes, "\xf3\x0f\x1e\xfa", 4) == 0;
}

int main(void)
{
    pthread_t threads[2];
    void *(*volatile functions[2])(void *) = {a, b};
    for (int i = 0; i < 2; i++)
        printf("%d\n", landing(functions[i]));
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, functions[i], NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
