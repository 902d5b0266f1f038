/*
 * A fiber locks a mutex that its own thread's other fiber holds while it is switched away from: nobody can ever go on.
 *
 * EXPECT: exit hang
 * EXPECT: blocked @lock lock
 * MODE: plain
 */
#include <pthread.h>
#include <stdio.h>
#include <ucontext.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ucontext_t self, fibers[2];
static char stacks[2][65536];

static void holds(void)
{
    pthread_mutex_lock(&lock);
    swapcontext(&fibers[0], &fibers[1]);
    pthread_mutex_unlock(&lock);
}

static void wants(void)
{
    pthread_mutex_lock(&lock); /* @lock */
    puts("never");
}

int main(void)
{
    void (*const works[])(void) = {holds, wants};
    for (int i = 0; i < 2; i++) {
        getcontext(&fibers[i]);
        fibers[i].uc_stack.ss_sp = stacks[i];
        fibers[i].uc_stack.ss_size = sizeof stacks[i];
        fibers[i].uc_link = &self;
        makecontext(&fibers[i], works[i], 0);
    }
    swapcontext(&self, &fibers[0]);
    return 0;
}
