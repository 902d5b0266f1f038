/*
 * A flag that guards nothing but the object it is part of, which its owner copies away and makes anew as a whole when the
 * flag has been set.
 *
 * EXPECT: race @set @look [suspected]
 * MODE: patched
 * ONLY: the compiler says that the flag is atomic
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

typedef uint64_t __attribute__((may_alias)) whole;
static struct object {
    atomic_int set;
    int other;
} * object;
static whole kept[50];
static sem_t taken;

static void *setter(void *unused)
{
    for (int round = 0; round < 50; round++) {
        sem_wait(&taken);
        atomic_store_explicit(&object->set, 1, memory_order_release); /* @set */
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    object = calloc(1, sizeof *object);
    sem_init(&taken, 0, 0);
    pthread_create(&thread, NULL, setter, NULL);
    for (int round = 0; round < 50; round++) {
        sem_post(&taken);
        while (!atomic_load_explicit(&object->set, memory_order_acquire)) /* @look */
            sched_yield();
        kept[round] = *(whole *)(void *)object;
        *(whole *)(void *)object = 0;
    }
    pthread_join(thread, NULL);
    free(object);
    return 0;
}
