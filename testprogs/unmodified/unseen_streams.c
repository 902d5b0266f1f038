/*
 * A process in between to and from which streams of the C library lead.
 *
 * EXPECT: race @fill @read place[0] [suspected]
 * MODE: patched instrumented
 * CFLAGS: -fno-builtin
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char place[256], copy[256];
static FILE *to, *from;

static void *first(void *unused)
{
    memset(place, 1, sizeof place); /* @fill */
    return fprintf(to, "%d", 1) == 1 ? unused : NULL;
}

static void *second(void *unused)
{
    if (fgetc(from) == '1')
        memcpy(copy, place, sizeof copy); /* @read */
    return unused;
}

int main(void)
{
    pthread_t a, b;
    int there[2], back[2];
    char byte;
    if (pipe(there) != 0 || pipe(back) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0)
        _exit(read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1 ? 0 : 1);
    to = fdopen(there[1], "w");
    from = fdopen(back[0], "r");
    setvbuf(to, NULL, _IONBF, 0);
    pthread_create(&b, NULL, second, NULL);
    pthread_create(&a, NULL, first, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    waitpid(child, NULL, 0);
    return copy[3] != 1;
}
