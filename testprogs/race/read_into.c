/*
 * read(2) fills a buffer that another thread looks at.
 *
 * EXPECT: race @fill @look buffer[2] [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <unistd.h>

#include "../order.h"

char buffer[16];
int seen;

static void *look(void *unused)
{
    order_wait(1);
    seen = buffer[2]; /* @look */
    return unused;
}

int main(void)
{
    pthread_t thread;
    int ends[2];
    if (pipe(ends) || write(ends[1], "hello", 5) != 5)
        return 1;
    pthread_create(&thread, NULL, look, NULL);
    if (read(ends[0], buffer, sizeof(buffer)) != 5) /* @fill */
        return 1;
    order_signal(1);
    pthread_join(thread, NULL);
    return 0;
}
