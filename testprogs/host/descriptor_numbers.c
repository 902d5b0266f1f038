/*
 * A program finds the descriptors it would find without the recorder: the lowest free number is the same after threads
 * were made and locks were waited for at many places, and nobody touches what has come to stand there.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 4

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int shared;

static void descend(int depth)
{
    pthread_mutex_lock(&lock);
    shared += depth;
    pthread_mutex_unlock(&lock);
    if (depth)
        descend(depth - 1);
    pthread_mutex_lock(&lock);
    shared -= depth;
    pthread_mutex_unlock(&lock);
}

static void *work(void *unused)
{
    descend(20);
    return unused;
}

static void threads(void)
{
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, work, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

int main(void)
{
    int pair[PAIRS][2];
    for (int fd = 3; fd < 100; fd++)
        close(fd);
    threads();
    printf("%d\n", dup(1));
    close(3);
    for (int i = 0; i < PAIRS; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair[i]))
            return 1;
        for (int end = 0; end < 2; end++)
            if (write(pair[i][end], "one", 3) != 3)
                return 1;
    }
    threads();
    for (int i = 0; i < PAIRS; i++) {
        for (int end = 0; end < 2; end++) {
            char text[8] = "";
            long got = read(pair[i][end], text, sizeof(text));
            printf("%d: %ld %s\n", pair[i][end], got, text);
        }
    }
    return shared;
}
