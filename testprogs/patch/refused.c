/*
 * Where the system does not let memory become executable that was not (a seccomp filter as sandboxes have it), nothing is
 * patched, which is said, and the program runs as ever. Its locks are still seen.
 *
 * EXPECT: misuse @unlock unlock-not-locked [proved]
 * SAYS: this system does not let code be changed
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=app
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int value;

static void *add(void *unused)
{
    value++;
    return unused;
}

static int confine(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    char *again[] = {argv[0], (char *)"confined", NULL};
    if (argc == 1) {
        if (confine())
            perror("seccomp");
        execv("/proc/self/exe", again);
        return 1;
    }
    pthread_create(&thread, NULL, add, NULL);
    value++; /* not seen */
    pthread_join(thread, NULL);
    pthread_mutex_unlock(&mutex); /* @unlock */
    printf("%d\n", value);
    return 0;
}
