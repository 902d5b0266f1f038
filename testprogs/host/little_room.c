/*
 * A trace without a bound on a small file system: recording stops before that is full, and what the program writes there
 * still finds room. (Where no file system can be mounted nothing is tried.)
 *
 * EXPECT: none
 * BARE: yes
 * MODE: instrumented patched
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define CELLS 1000000

static int *cells;

static void *work(void *unused)
{
    unsigned at = 1;
    for (int i = 0; i < CELLS; i++) {
        at = at * 1103515245 + 12345;
        cells[at / 7 % CELLS] += i;
    }
    return unused;
}

/* In the file system: there is room for 32 KB of ours whatever has been recorded. */
static int fill(void)
{
    static char text[32 << 10];
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, NULL);
        pthread_join(thread, NULL);
    }
    int fd = open("own", O_CREAT | O_WRONLY, 0600);
    memset(text, 'x', sizeof text);
    return fd >= 0 && write(fd, text, sizeof text) == sizeof text ? 0 : 1;
}

static void within(const char *self, const char *place)
{
    char options[200];
    if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", place, "tmpfs", 0, "size=4M") != 0 || chdir(place) != 0)
        _exit(0);
    const char *before = getenv("GOROCHECK_OPTIONS");
    snprintf(options, sizeof options, "%.100s:max_disk=0:report=0:trace_dir=%s/trace",
             before ? before : "", place);
    setenv("GOROCHECK_OPTIONS", options, 1);
    execl(self, self, "fill", NULL);
    _exit(3);
}

int main(int count, char **words)
{
    (void)words;
    cells = calloc(CELLS, sizeof *cells);
    if (count > 1)
        return fill();
    char self[500] = "", place[] = "/tmp/little_room.XXXXXX";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0 || !mkdtemp(place))
        return 1;
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    pid_t child = fork();
    if (child == 0)
        within(self, place);
    int status = 1;
    waitpid(child, &status, 0);
    rmdir(place);
    printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 0;
}
