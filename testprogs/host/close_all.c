/*
 * A daemon closes every descriptor it does not know, and goes on.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *work(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    closefrom(3);
    for (int i = 3; i < 100; i++)
        close(i);
    int descriptor = open("/dev/null", O_RDONLY);
    printf("%d\n", descriptor);
    for (int i = 0; i < 100; i++) {
        pthread_create(&thread, NULL, work, NULL);
        pthread_join(thread, NULL);
    }
    puts("done");
    return 0;
}
