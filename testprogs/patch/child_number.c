/*
 * Children of a fork, whose memory of copies is made when one of their threads calls a function for the first time. Meanwhile
 * another one closes a number and opens a file, and has it at that number.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 40

static atomic_int go, done;
static unsigned words[64];

#define FUNCTION(number)                                         \
    __attribute__((noinline)) static unsigned call##number(void) \
    {                                                            \
        words[number] += words[number + 1] + number;             \
        return words[number];                                    \
    }
FUNCTION(1)
FUNCTION(2)
FUNCTION(3)
FUNCTION(4)

static void *call(void *unused)
{
    while (!go)
        ;
    call1();
    call2();
    call3();
    call4();
    done = 1;
    return unused;
}

static int child(void)
{
    pthread_t thread;
    int wrong = 0;
    pthread_create(&thread, NULL, call, NULL);
    for (int i = 0; !done; i++) {
        close(0);
        wrong |= open("/dev/null", O_RDONLY) != 0;
        go = i > 100;
    }
    pthread_join(thread, NULL);
    return wrong;
}

int main(void)
{
    int wrong = 0;
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        pid_t pid = fork();
        if (!pid)
            _exit(child());
        waitpid(pid, &status, 0);
        wrong += status != 0;
    }
    printf("%d\n", wrong);
    return 0;
}
