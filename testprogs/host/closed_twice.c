/*
 * A program that closes numbers twice while other threads record much: what it closes is never the recorder's, and what the
 * recorder closes is never the program's. One thread closes all small numbers again and again, another one opens files and
 * writes to them; what they hold in the end is what it wrote.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 300
#define WORDS  65536

static atomic_int stop, opened, lost;
static long words[2][WORDS];

/* Many lines of memory: streams grow and are written. */
static void *record(void *argument)
{
    long *mine = argument;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    for (int i = 0; !stop; i++) {
        pthread_mutex_lock(&lock);
        for (int j = 0; j < 64; j++)
            mine[(unsigned)(i * 4099 + j * 331) % WORDS] += i;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

/* The numbers that nobody of us has: 20 and more are for what the other one opens. */
static void *close_again(void *unused)
{
    while (!stop)
        for (int fd = 3; fd < 20; fd++)
            if (close(fd) == 0)
                lost++;
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    char name[] = "/tmp/closed_twice.XXXXXX";
    int file = mkstemp(name);
    if (file < 0 || dup2(file, 20) != 20)
        return 1;
    for (int fd = 3; fd < 20; fd++)
        close(fd);
    pthread_create(&threads[0], NULL, record, words[0]);
    pthread_create(&threads[1], NULL, record, words[1]);
    pthread_create(&threads[2], NULL, close_again, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        if (pwrite(20, &i, sizeof(i), (off_t)(i * sizeof(i))) != sizeof(i))
            opened++;
        usleep(1000);
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    struct stat facts;
    if (fstat(20, &facts) || facts.st_size != ROUNDS * (off_t)sizeof(int))
        opened++;
    unlink(name);
    printf("%d closed that were nobody's, %d wrong\n", lost, opened);
    return lost || opened;
}
