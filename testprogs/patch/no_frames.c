/*
 * A program without the index of frame descriptions: where its functions begin and end is not known, so it stays as it is,
 * which is said.
 *
 * EXPECT: misuse @unlock unlock-not-locked [proved]
 * SAYS: (it has no frame descriptions)
 * MODE: plain
 * CFLAGS: -Wl,--no-eh-frame-hdr
 * ENV: GOROCHECK_OPTIONS=patch=app
 */
#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int value;

static void *add(void *unused)
{
    value++;
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, add, NULL);
    value++; /* not seen */
    pthread_join(thread, NULL);
    pthread_mutex_unlock(&mutex); /* @unlock */
    printf("%d\n", value);
    return 0;
}
