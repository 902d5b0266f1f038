/*
 * A semaphore as a turnstile, taken in every way.
 *
 * EXPECT: none
 * MODE: instrumented plain clang patched
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

static struct timespec soon(clockid_t clock, long milliseconds)
{
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += milliseconds * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static sem_t free_slots, used_slots;
static int box;
static long sum;

static void take(sem_t *semaphore, int turn)
{
    struct timespec time;
    switch (turn % 4) {
    case 0:
        sem_wait(semaphore);
        return;
    case 1:
        while (sem_trywait(semaphore))
            sched_yield();
        return;
    case 2:
        time = soon(CLOCK_REALTIME, 20000);
        sem_timedwait(semaphore, &time);
        return;
    case 3:
        time = soon(CLOCK_MONOTONIC, 20000);
        sem_clockwait(semaphore, CLOCK_MONOTONIC, &time);
        return;
    }
}

static void *produce(void *unused)
{
    for (int i = 0; i < 40; i++) {
        take(&free_slots, i);
        box = i;
        sem_post(&used_slots);
    }
    return unused;
}

static void *consume(void *unused)
{
    for (int i = 0; i < 40; i++) {
        take(&used_slots, i + 1);
        sum += box;
        sem_post(&free_slots);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    sem_init(&free_slots, 0, 1);
    sem_init(&used_slots, 0, 0);
    pthread_create(&a, NULL, produce, NULL);
    pthread_create(&b, NULL, consume, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%ld\n", sum);
    return sem_destroy(&free_slots) + sem_destroy(&used_slots);
}
