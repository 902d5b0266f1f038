/*
 * A program that closes a number and opens a file, to have it at that number, while other threads, which open nothing, record
 * much.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define ROUNDS 30000
#define WORDS  65536

static struct part {
    pthread_mutex_t lock;
    long words[WORDS];
    int stop;
} parts[2] = {{.lock = PTHREAD_MUTEX_INITIALIZER}, {.lock = PTHREAD_MUTEX_INITIALIZER}};

static void *record(void *argument)
{
    struct part *part = argument;
    for (unsigned i = 0;; i++) {
        pthread_mutex_lock(&part->lock);
        for (unsigned j = 0; j < 64; j++)
            part->words[(i * 4099 + j * 331) % WORDS] += i;
        int stop = part->stop;
        pthread_mutex_unlock(&part->lock);
        if (stop)
            return NULL;
    }
}

int main(void)
{
    pthread_t threads[2];
    int wrong = 0;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, record, &parts[i]);
    for (int i = 0; i < ROUNDS; i++) {
        close(0);
        wrong += open("/dev/null", O_RDONLY) != 0;
    }
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&parts[i].lock);
        parts[i].stop = 1;
        pthread_mutex_unlock(&parts[i].lock);
        pthread_join(threads[i], NULL);
    }
    printf("%d\n", wrong);
    return wrong != 0;
}
