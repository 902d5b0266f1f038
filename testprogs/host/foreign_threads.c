/*
 * Threads that the C library makes by itself: timers and asynchronous input.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

static sem_t ticked;
static int ticks;

static void tick(union sigval value)
{
    (*(int *)value.sival_ptr)++;
    sem_post(&ticked);
}

int main(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_value.sival_ptr = &ticks};
    event.sigev_notify_function = tick;
    struct itimerspec once = {.it_value = {0, 1000000}};
    sem_init(&ticked, 0, 0);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer))
        return 1;
    for (int i = 0; i < 3; i++) {
        timer_settime(timer, 0, &once, NULL);
        sem_wait(&ticked);
    }
    timer_delete(timer);
    printf("%d\n", ticks);
    return 0;
}
