/*
 * The strictest sandbox: read, write and exit are all that is left, and no function of a library had been called before.
 *
 * EXPECT: none
 * STATUS: 3
 * SAYS: the program gave up system calls that recording takes: seccomp
 * MODE: plain instrumented patched default
 */
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long cells[10000];

static void *work(void *unused)
{
    for (int i = 0; i < 100000; i++) {
        pthread_mutex_lock(&mutex);
        cells[i % 10000] += i;
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
        return 1;
    work(NULL);
    int good = write(1, cells[7] == 2 * 10 * (7 + 45000) ? "good\n" : "bad\n", 5) > 0;
    syscall(SYS_exit, !good);
}
