/*
 * A sandbox: system calls that the program does not need end it. Recording stops before, and neither threads that were
 * there, threads made later, a child nor the end ask for anything else.
 *
 * EXPECT: none
 * STATUS: 3
 * SAYS: the program gave up system calls that recording takes: seccomp
 * MODE: plain instrumented patched default
 * BARE: yes
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LET(name)                                          \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sem_t begin;
static char cells[100000];
static long count;

static void *work(void *argument)
{
    if (argument)
        sem_wait(&begin);
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&mutex);
        cells[i * 97 % 100000]++;
        count++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static int confine(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        LET(read),
        LET(write),
        LET(exit),
        LET(exit_group),
        LET(futex),
        LET(rt_sigreturn),
        LET(mmap),
        LET(munmap),
        LET(mprotect),
        LET(madvise),
        LET(clone),
        LET(clone3),
        LET(wait4),
        LET(rseq),
        LET(brk),
        LET(rt_sigprocmask),
        LET(newfstatat),
        LET(set_robust_list),
        LET(gettid),
        LET(getpid),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

int main(void)
{
    pthread_t early, late;
    sem_init(&begin, 0, 0);
    pthread_create(&early, NULL, work, &begin);
    work(NULL);
    if (confine())
        perror("seccomp");
    qsort(cells, 100, 1, compare);
    sem_post(&begin);
    pthread_join(early, NULL);
    pthread_create(&late, NULL, work, NULL);
    pthread_join(late, NULL);
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        work(NULL);
        exit(count == 4000 ? 5 : 6);
    }
    if (child > 0)
        waitpid(child, &status, 0);
    printf("%ld, %d\n", count, WEXITSTATUS(status));
    return 0;
}
