/*
 * A debugger has put a breakpoint into the program before it began: the function stays as it is, the breakpoint works, and
 * what it had replaced is done when it is taken away.
 *
 * EXPECT: none
 * MODE: default
 * CFLAGS: -no-pie
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static long cells[64];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

__attribute__((noinline, noclone)) static long add(long *cell, long count)
{
    for (long i = 0; i < count; i++)
        cell[i % 64] += i;
    return cell[count % 64];
}

static void *work(void *unused)
{
    pthread_mutex_lock(&mutex);
    printf("%ld\n", add(cells, 100));
    pthread_mutex_unlock(&mutex);
    return unused;
}

static int traced(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

/* Runs the child up to the breakpoint at `address`, takes it away, and lets go. Threads of the child are not traced: who
 * comes to the breakpoint is the main task. */
static int debug(pid_t child, uintptr_t address)
{
    int status;
    struct user_regs_struct registers;
    waitpid(child, &status, 0); /* at the exec */
    long word = ptrace(PTRACE_PEEKTEXT, child, address, 0);
    ptrace(PTRACE_POKETEXT, child, address, (word & ~0xffL) | 0xcc);
    for (int signal = 0;; signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status)) {
        ptrace(PTRACE_CONT, child, 0, signal);
        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
            return 1; /* it was never there */
        ptrace(PTRACE_GETREGS, child, 0, &registers);
        if (WSTOPSIG(status) == SIGTRAP && registers.rip == address + 1)
            break;
    }
    ptrace(PTRACE_POKETEXT, child, address, word);
    registers.rip = address;
    ptrace(PTRACE_SETREGS, child, 0, &registers);
    ptrace(PTRACE_DETACH, child, 0, 0);
    waitpid(child, &status, 0);
    return status;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("%ld\n", add(cells, 1000));
        return traced();
    }
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execl("/proc/self/exe", argv[0], "child", (char *)NULL);
        _exit(127);
    }
    int status = debug(child, (uintptr_t)&add);
    printf("%s\n", status ? "bad" : "good");
    return status != 0;
}
