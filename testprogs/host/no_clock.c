/*
 * A program that has reading the processor's clock be a fault, in itself and in the threads that it makes: recording ends
 * before.
 *
 * EXPECT: none
 * STATUS: 3
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long value;

static void *add(void *unused)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&lock);
        value++;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void threads(void)
{
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, add, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

int main(void)
{
    threads();
    prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
    threads();
    printf("%ld\n", value);
    return value != 4000;
}
