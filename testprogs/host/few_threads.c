/*
 * As many threads as the limit (RLIMIT_NPROC) allows, one after the other, and children likewise, while two others give the
 * recorder work: a thread that it needs for a moment counts, too, but no thread and no child is refused for it. (Root is not
 * limited, so it becomes another user, whom nobody else is; other users only run their threads.)
 *
 * EXPECT: none
 * BARE: yes
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOMEBODY 54321
#define TIMES    300
#define WORDS    (1L << 23)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned long *words;
static int over;

static void *load(void *argument)
{
    unsigned long place = (unsigned long)argument;
    for (int end = 0; !end;) {
        pthread_mutex_lock(&mutex);
        for (int i = 0; i < 200; i++) {
            place = place * 6364136223846793005UL + 1;
            words[place >> 41]++;
        }
        end = over;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *nothing(void *number)
{
    *(pid_t *)number = gettid();
    return NULL;
}

/* It counts for a moment after it was joined. */
static void await_gone(pid_t number)
{
    while (tgkill(getpid(), number, 0) == 0)
        sched_yield();
}

int main(void)
{
    pthread_t threads[2], one;
    pid_t number;
    struct rlimit limit = {4, 4};
    words = calloc(WORDS, sizeof(*words));
    if (getuid() == 0 &&
        (setgid(SOMEBODY) != 0 || setuid(SOMEBODY) != 0 || setrlimit(RLIMIT_NPROC, &limit) != 0))
        return 1;
    for (long i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, load, (void *)(i + 1)) != 0)
            return 1;
    int refused = 0;
    for (int i = 0; i < TIMES; i++) {
        if (i % 10 == 5) {
            char *arguments[] = {"true", NULL}, *environment[] = {NULL};
            pid_t child;
            refused += posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environment) != 0 ||
                       waitpid(child, NULL, 0) != child;
        } else if (i % 10 == 0) {
            pid_t child = fork();
            if (child == 0)
                _exit(0);
            refused += child < 0 || waitpid(child, NULL, 0) != child;
        } else if (pthread_create(&one, NULL, nothing, &number) == 0) {
            pthread_join(one, NULL);
            await_gone(number);
        } else {
            refused++;
        }
    }
    pthread_mutex_lock(&mutex);
    over = 1;
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    free(words);
    if (refused)
        printf("%d refused\n", refused);
    return refused != 0;
}
