/*
 * Under Valgrind, which has a translation of its own of all code, nothing is patched, and that is said.
 *
 * EXPECT: none
 * STATUS: 0
 * SAYS: it runs under Valgrind
 * MODE: default
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int count;

static void *work(void *unused)
{
    pthread_mutex_lock(&mutex);
    count++;
    pthread_mutex_unlock(&mutex);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    if (argc == 1) {
        execlp("valgrind", "valgrind", "-q", "--tool=none", argv[0], "child", (char *)NULL);
        printf("Valgrind is not installed\n");
        return 77;
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", count);
    return strcmp(argv[1], "child") != 0;
}
