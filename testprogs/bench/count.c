/*
 * Counts what an instrumented program does, for "bytes of trace per access" in `make bench`:
 * preloaded instead of the recorder it defines the entry points the kernels use and says at the end
 * how many accesses there were.
 */
#include <stdio.h>

static __thread unsigned long mine;
static unsigned long total;

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
    (void)pc;
}

/* The kernels' functions are few calls for many accesses: adding up at each exit costs nothing and
 * needs no thread hook. */
void __tsan_func_exit(void)
{
    __atomic_fetch_add(&total, mine, __ATOMIC_RELAXED);
    mine = 0;
}

#define ACCESS(name)          \
    void name(void *address); \
    void name(void *address)  \
    {                         \
        (void)address;        \
        mine++;               \
    }
ACCESS(__tsan_read1)
ACCESS(__tsan_read2)
ACCESS(__tsan_read4)
ACCESS(__tsan_read8)
ACCESS(__tsan_read16)
ACCESS(__tsan_write1)
ACCESS(__tsan_write2)
ACCESS(__tsan_write4)
ACCESS(__tsan_write8)
ACCESS(__tsan_write16)
ACCESS(__tsan_unaligned_read2)
ACCESS(__tsan_unaligned_read4)
ACCESS(__tsan_unaligned_read8)
ACCESS(__tsan_unaligned_read16)
ACCESS(__tsan_unaligned_write2)
ACCESS(__tsan_unaligned_write4)
ACCESS(__tsan_unaligned_write8)
ACCESS(__tsan_unaligned_write16)
ACCESS(__tsan_read_write1)
ACCESS(__tsan_read_write2)
ACCESS(__tsan_read_write4)
ACCESS(__tsan_read_write8)
ACCESS(__tsan_read_write16)

#define RANGE(name)                               \
    void name(void *address, unsigned long size); \
    void name(void *address, unsigned long size)  \
    {                                             \
        (void)address;                            \
        (void)size;                               \
        mine++;                                   \
    }
RANGE(__tsan_read_range)
RANGE(__tsan_write_range)

__attribute__((destructor)) static void say(void)
{
    fprintf(stderr, "accesses %lu\n", total + mine);
}
