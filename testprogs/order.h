/*
 * Forces a schedule upon threads without the recorder seeing it: raw futex system calls and plain moves in inline
 * assembly. No libc call, no event, no happens-before: what order.h puts in order in time stays concurrent in the record.
 *
 *     order_signal(1);   step 1 has been reached
 *     order_wait(1);     go on once step 1 has been reached
 *     order_block(2);    the next call of this thread is going to block
 *     order_blocked(2);  go on once the thread that said order_block(2) sleeps in the kernel
 */
#ifndef TESTPROGS_ORDER_H
#define TESTPROGS_ORDER_H

#define ORDER_STEPS  4096
#define ORDER_HIDDEN static __attribute__((unused, noinline, no_sanitize("thread")))

enum {
    ORDER_READ = 0,
    ORDER_CLOSE = 3,
    ORDER_NANOSLEEP = 35,
    ORDER_GETTID = 186,
    ORDER_FUTEX = 202,
    ORDER_OPENAT = 257
};

/* One word per step: 0 not yet reached, else the thread that reached it. */
static int order_steps[ORDER_STEPS];

ORDER_HIDDEN long order_system(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = 0;
    register long r9 __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

ORDER_HIDDEN int order_load(int *word)
{
    int value;
    __asm__ volatile("movl %1, %0" : "=r"(value) : "m"(*word) : "memory");
    return value;
}

ORDER_HIDDEN void order_store(int *word, int value)
{
    __asm__ volatile("movl %1, %0" : "=m"(*word) : "r"(value) : "memory");
}

ORDER_HIDDEN void order_signal(int step)
{
    order_store(&order_steps[step], (int)order_system(ORDER_GETTID, 0, 0, 0, 0));
    order_system(ORDER_FUTEX, (long)&order_steps[step], 1 /* FUTEX_WAKE */, 0x7fffffff, 0);
}

ORDER_HIDDEN int order_wait(int step)
{
    int value;
    while (!(value = order_load(&order_steps[step])))
        order_system(ORDER_FUTEX, (long)&order_steps[step], 0 /* FUTEX_WAIT */, 0, 0);
    return value;
}

ORDER_HIDDEN void order_block(int step)
{
    order_signal(step);
}

/* State letter of a process or thread, as /proc tells it; 0 if there is none of that id. */
ORDER_HIDDEN char order_state(int id)
{
    char path[32] = "/proc/", text[128], digits[12];
    const char *tail = "/stat";
    int length = 6, n = 0;
    for (; id; id /= 10)
        digits[n++] = (char)('0' + id % 10);
    while (n)
        path[length++] = digits[--n];
    for (; tail[n]; n++)
        path[length++] = tail[n];
    path[length] = 0;
    long fd = order_system(ORDER_OPENAT, -100, (long)path, 0x80000 /* O_CLOEXEC */, 0);
    if (fd < 0)
        return 0;
    long got = order_system(ORDER_READ, fd, (long)text, sizeof(text), 0);
    order_system(ORDER_CLOSE, fd, 0, 0, 0);
    while (got > 0 && text[got - 1] != ')')
        got--;
    return got > 0 && got + 1 < (long)sizeof(text) ? text[got + 1] : 0;
}

ORDER_HIDDEN void order_pause(long milliseconds)
{
    long time[2] = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    order_system(ORDER_NANOSLEEP, (long)time, 0, 0, 0);
}

/* Asleep at several looks in a row: a sleep inside the recorder's own work would be shorter than that. */
ORDER_HIDDEN void order_asleep(int id)
{
    for (int seen = 0; seen < 8; order_pause(2))
        seen = order_state(id) == 'S' ? seen + 1 : 0;
}

ORDER_HIDDEN void order_blocked(int step)
{
    order_asleep(order_wait(step));
}

/* Waits until the thread that passed `step` is gone from the process. */
ORDER_HIDDEN void order_gone(int step)
{
    int tid = order_wait(step);
    while (order_state(tid))
        order_pause(1);
}

#endif
