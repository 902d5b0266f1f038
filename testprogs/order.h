/*
 * Forces a schedule upon threads without the recorder seeing it: the steps reached are written and read by the kernel
 * (raw process_vm_writev and process_vm_readv of the process's own memory), and who waits looks again after a short sleep.
 * No libc call, no load or store, no futex, no event, no happens-before: what order.h puts in order in time stays
 * concurrent in the record, also where the machine code itself is recorded.
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
    ORDER_GETPID = 39,
    ORDER_GETTID = 186,
    ORDER_OPENAT = 257,
    ORDER_VM_READ = 310,
    ORDER_VM_WRITE = 311
};

/* One word per step: 0 not yet reached, else the thread that reached it. */
static int order_steps[ORDER_STEPS];

ORDER_HIDDEN long order_system(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = number == ORDER_VM_READ || number == ORDER_VM_WRITE;
    register long r9 __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

struct order_bytes {
    void *place;
    long size;
};

/* Moves a step's word to or from `value`, which lies on the caller's stack. */
ORDER_HIDDEN void order_move(long call, int *word, int *value)
{
    struct order_bytes mine = {value, sizeof(*value)}, theirs = {word, sizeof(*word)};
    long pid = order_system(ORDER_GETPID, 0, 0, 0, 0);
    if (order_system(call, pid, (long)&mine, 1, (long)&theirs) != (long)sizeof(*value))
        __builtin_trap(); /* the system forbids it: no schedule can be forced */
}

ORDER_HIDDEN int order_load(int *word)
{
    int value = 0;
    order_move(ORDER_VM_READ, word, &value);
    return value;
}

ORDER_HIDDEN void order_store(int *word, int value)
{
    order_move(ORDER_VM_WRITE, word, &value);
}

ORDER_HIDDEN void order_nap(long microseconds)
{
    long time[2] = {microseconds / 1000000, microseconds % 1000000 * 1000};
    order_system(ORDER_NANOSLEEP, (long)time, 0, 0, 0);
}

ORDER_HIDDEN void order_signal(int step)
{
    order_store(&order_steps[step], (int)order_system(ORDER_GETTID, 0, 0, 0, 0));
}

ORDER_HIDDEN int order_wait(int step)
{
    int value;
    for (long nap = 20; !(value = order_load(&order_steps[step])); nap += nap < 1000 ? nap : 0)
        order_nap(nap);
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
    order_nap(milliseconds * 1000);
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
