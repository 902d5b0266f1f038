/*
 * A parent that reads what its child writes to stderr: with log_path nothing is written there.
 *
 * EXPECT: unjoined @create work [proved]
 * MODE: plain patched
 * ENV: GOROCHECK_OPTIONS=log_path=log
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../order.h"

static void *work(void *unused)
{
    order_signal(1);
    return unused;
}

static void leave_one(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL); /* @create */
    order_gone(1);
}

int main(void)
{
    int pair[2];
    if (pipe(pair))
        return 1;
    pid_t child = fork();
    if (!child) {
        close(pair[0]);
        dup2(pair[1], 2);
        close(pair[1]);
        leave_one();
        return 0;
    }
    close(pair[1]);
    char text[4096];
    ssize_t size = read(pair[0], text, sizeof text);
    int status;
    waitpid(child, &status, 0);
    printf("%zd bytes\n", size);
    leave_one();
    return 0;
}
