/*
 * The program has a sanitizer's runtime in it, which is known by a name that it exports: the recorder leaves it alone, says
 * so, and does not call it clean.
 *
 * EXPECT: none
 * STATUS: 4
 * CFLAGS: -rdynamic
 * BARE: yes
 * MODE: plain default
 */
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

void *__interceptor_malloc(size_t size);
void *__interceptor_malloc(size_t size)
{
    (void)size;
    return NULL;
}

static int counter;

static void *work(void *unused)
{
    counter++;
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", counter);
    return 0;
}
