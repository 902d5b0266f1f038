/*
 * The limit of open files is so small that the program has none left: the recorder opens its own beside them.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void *work(void *argument)
{
    *(int *)argument += 1;
    return NULL;
}

int main(void)
{
    struct rlimit files;
    int descriptors[20], count = 0, value = 0;
    pthread_t first;
    pthread_create(&first, NULL, work, &value); /* from here on there is a trace */
    pthread_join(first, NULL);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &files);
    while (count < 20 && (descriptors[count] = dup(1)) >= 0)
        count++;
    printf("%d %s\n", count, strerrorname_np(errno));
    for (int i = 0; i < count; i++)
        close(descriptors[i]);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, &value);
        pthread_join(thread, NULL);
    }
    printf("%d\n", value);
    return 0;
}
