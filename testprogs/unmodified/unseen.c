/*
 * What one thread wrote another reads after it has learned of it by ways that are no order in the record: a process in
 * between, its end, files, signals that the kernel sends, faults, system calls past the C library. Who looks at the memory
 * accesses alone cannot know that; so it is not proved.
 *
 * EXPECT: race @fill @read place[0] [suspected]
 * MODE: patched instrumented
 * CFLAGS: -fno-builtin
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };
static char place[256], like[256];
static char name[] = "unseen.XXXXXX";
static int there[2], back[2], event, file;
static pid_t child;
static FILE *to, *from;
static char *page;
static timer_t timer;
static volatile sig_atomic_t faulted;

static void nap(void)
{
    nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static void must(int good)
{
    if (!good)
        abort();
}

static inline long raw(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

/* A process that passes one byte on, and ends. */
static void relay_begin(void)
{
    char byte;
    must(pipe(there) == 0 && pipe(back) == 0);
    child = fork();
    if (child == 0) {
        must(read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1);
        _exit(0);
    }
}

static void relay_tell(void)
{
    must(write(there[1], "x", 1) == 1);
}

static void relay_learn(void)
{
    char byte;
    must(read(back[0], &byte, 1) == 1);
}

static void relay_end(void)
{
    if (child > 0)
        waitpid(child, NULL, 0);
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
}

/* The same by streams of the C library. */
static void streams_begin(void)
{
    relay_begin();
    to = fdopen(there[1], "w");
    from = fdopen(back[0], "r");
    must(to && from);
    setvbuf(to, NULL, _IONBF, 0);
}

static void streams_tell(void)
{
    must(fprintf(to, "%d", 1) == 1);
}

static void streams_put(void)
{
    must(fputc('1', to) == '1');
}

static void streams_learn(void)
{
    must(fgetc(from) == '1');
}

static void streams_scan(void)
{
    char byte;
    must(fscanf(from, "%c", &byte) == 1);
}

static void streams_end(void)
{
    waitpid(child, NULL, 0);
    fclose(to);
    fclose(from);
    close(there[0]);
    close(back[1]);
}

/* One end of a pipe within the process is a stream. */
static void stream_begin(void)
{
    must(pipe(there) == 0);
    to = fdopen(there[1], "w");
    must(to != NULL);
    setvbuf(to, NULL, _IONBF, 0);
}

static void stream_learn(void)
{
    char byte;
    must(read(there[0], &byte, 1) == 1);
}

static void stream_end(void)
{
    fclose(to);
    close(there[0]);
}

static void end_learn(void)
{
    must(waitpid(child, NULL, 0) == child);
    child = 0;
}

static void forking_tell(void)
{
    child = fork();
    if (child == 0)
        _exit(0);
}

static void forking_learn(void)
{
    while (waitpid(-1, NULL, 0) < 0)
        nap();
}

static void file_begin(void)
{
    file = mkstemp(name);
    must(file >= 0);
}

static void file_end(void)
{
    close(file);
    strcpy(name, "unseen.XXXXXX");
}

static void name_tell(void)
{
    unlink(name);
}

static void name_learn(void)
{
    struct stat facts;
    while (stat(name, &facts) == 0)
        nap();
}

static void bytes_tell(void)
{
    must(pwrite(file, "x", 1, 0) == 1);
}

static void bytes_learn(void)
{
    char byte;
    while (pread(file, &byte, 1, 0) != 1)
        nap();
    unlink(name);
}

static void wait_for(int number)
{
    int came;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    must(sigwait(&set, &came) == 0);
}

static void timer_begin(void)
{
    struct sigevent tells = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    must(timer_create(CLOCK_MONOTONIC, &tells, &timer) == 0);
}

static void timer_tell(void)
{
    timer_settime(timer, 0, &(struct itimerspec){.it_value.tv_nsec = 1000000}, NULL);
}

static void timer_learn(void)
{
    wait_for(SIGUSR1);
}

static void alarm_tell(void)
{
    ualarm(1000, 0);
}

static void alarm_learn(void)
{
    wait_for(SIGALRM);
}

static void on_fault(int number)
{
    (void)number;
    faulted = 1;
    mprotect(page, PAGE, PROT_READ);
}

static void fault_begin(void)
{
    page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    signal(SIGSEGV, on_fault);
}

static void fault_tell(void)
{
    mprotect(page, PAGE, PROT_NONE);
}

static void fault_learn(void)
{
    while (!faulted)
        (void)*(volatile char *)page;
}

static void past_begin(void)
{
    event = eventfd(0, 0);
}

static inline void past_tell(void)
{
    long one = 1;
    must(raw(SYS_write, event, (long)&one, sizeof one) == sizeof one);
}

static inline void past_learn(void)
{
    long count;
    must(raw(SYS_read, event, (long)&count, sizeof count) == sizeof count);
}

static void past_end(void)
{
    close(event);
}

static void call_tell(void)
{
    long one = 1;
    must(syscall(SYS_write, event, &one, sizeof one) == sizeof one);
}

static void call_learn(void)
{
    long count;
    must(syscall(SYS_read, event, &count, sizeof count) == sizeof count);
}

static const struct way {
    void (*begin)(void), (*tell)(void), (*learn)(void), (*end)(void);
} ways[] = {
    {relay_begin, relay_tell, relay_learn, relay_end},
    {relay_begin, relay_tell, end_learn, relay_end},
    {streams_begin, streams_tell, streams_learn, streams_end},
    {streams_begin, streams_put, streams_scan, streams_end},
    {stream_begin, streams_tell, stream_learn, stream_end},
    {NULL, forking_tell, forking_learn, NULL},
    {file_begin, name_tell, name_learn, file_end},
    {file_begin, bytes_tell, bytes_learn, file_end},
    {timer_begin, timer_tell, timer_learn, NULL},
    {NULL, alarm_tell, alarm_learn, NULL},
    {fault_begin, fault_tell, fault_learn, NULL},
#ifndef __SANITIZE_THREAD__ /* a compiler does not announce what is in assembly */
    {past_begin, past_tell, past_learn, past_end},
#endif
    {past_begin, call_tell, call_learn, past_end},
};

static void *first(void *data)
{
    const struct way *way = data;
    memset(place, 1, sizeof place); /* @fill */
    way->tell();
    return NULL;
}

static void *second(void *data)
{
    const struct way *way = data;
    way->learn();
    must(memcmp(place, like, sizeof place) == 0); /* @read */
    return NULL;
}

int main(void)
{
    sigset_t set;
    memset(like, 1, sizeof like);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        pthread_t a, b;
        if (ways[i].begin)
            ways[i].begin();
        pthread_create(&b, NULL, second, (void *)&ways[i]);
        pthread_create(&a, NULL, first, (void *)&ways[i]);
        pthread_join(a, NULL);
        pthread_join(b, NULL);
        if (ways[i].end)
            ways[i].end();
    }
    return 0;
}
