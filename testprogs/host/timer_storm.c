/*
 * An interval timer interrupts allocation, locking and formatting thousands of times; errno stays what it was.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks;

static void handler(int number)
{
    (void)number;
    ticks++;
    errno = EILSEQ;
    errno = 0;
}

int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    long sum = 0;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (ticks < 1000) {
        char text[40];
        char *block = malloc(64);
        pthread_mutex_lock(&lock);
        snprintf(text, sizeof(text), "%ld", sum++);
        strcpy(block, text);
        pthread_mutex_unlock(&lock);
        free(block);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    puts(sum > 0 ? "done" : "nothing");
    return 0;
}
