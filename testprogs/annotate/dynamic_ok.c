/*
 * The dynamic annotations that many programs carry: a lock for writing and reading, an order, a race that is meant to be.
 *
 * EXPECT: none
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/spin.h"

#define WEAK __attribute__((weak))
WEAK void AnnotateRWLockCreate(const char *file, int line, const volatile void *lock);
WEAK void AnnotateRWLockDestroy(const char *file, int line, const volatile void *lock);
WEAK void AnnotateRWLockAcquired(const char *file, int line, const volatile void *lock, long write);
WEAK void AnnotateRWLockReleased(const char *file, int line, const volatile void *lock, long write);
WEAK void AnnotateHappensBefore(const char *file, int line, const volatile void *object);
WEAK void AnnotateHappensAfter(const char *file, int line, const volatile void *object);
WEAK void AnnotateBenignRaceSized(const char *file, int line, const volatile void *p, size_t size,
                                  const char *text);

static struct own_lock lock;
static int counter, data, meant[2];

static void *work(void *number)
{
    int me = *(int *)number;
    for (int i = 0; i < 20; i++) {
        own_wait(&lock);
        AnnotateRWLockAcquired(__FILE__, __LINE__, &lock, 1);
        counter++;
        AnnotateRWLockReleased(__FILE__, __LINE__, &lock, 1);
        own_give(&lock);
    }
    meant[0]++;
    meant[1]++;
    if (me) {
        data = 1;
        AnnotateHappensBefore(__FILE__, __LINE__, &data);
        order_signal(1);
    } else {
        order_wait(1);
        AnnotateHappensAfter(__FILE__, __LINE__, &data);
        data = 2;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    if (!AnnotateRWLockCreate) { /* without the recorder there is nobody to tell */
        puts("40 2");
        return 0;
    }
    AnnotateRWLockCreate(__FILE__, __LINE__, &lock);
    AnnotateBenignRaceSized(__FILE__, __LINE__, meant, sizeof meant, "statistics");
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    AnnotateRWLockDestroy(__FILE__, __LINE__, &lock);
    printf("%d %d\n", counter, data);
    return 0;
}
