/*
 * A program that looks for ThreadSanitizer's reports, and tells it of a Java machine's locks: the names are there, there
 * are no reports, and the locks order.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void *__tsan_get_current_report(void);
int __tsan_get_report_data(void *report, const char **description, int *count);
int __tsan_java_mutex_lock(uintptr_t address);
int __tsan_java_mutex_unlock(uintptr_t address);
void __tsan_java_init(uintptr_t heap, uintptr_t size);
void __sanitizer_print_stack_trace(void);
void __sanitizer_set_death_callback(void (*callback)(void));
uint32_t __sanitizer_unaligned_load32(const void *p);
void __sanitizer_unaligned_store32(void *p, uint32_t value);
void __sanitizer_syscall_pre_impl_read(long fd, long buffer, long size);
void __sanitizer_syscall_post_impl_read(long result, long fd, long buffer, long size);

static int taken, counter;

/* A lock that only the annotations tell of: relaxed operations order nothing. */
static void lock(void)
{
    while (__atomic_exchange_n(&taken, 1, __ATOMIC_RELAXED))
        ;
    __asm__ volatile("" ::: "memory");
    __tsan_java_mutex_lock((uintptr_t)&taken);
}

static void unlock(void)
{
    __tsan_java_mutex_unlock((uintptr_t)&taken);
    __asm__ volatile("" ::: "memory");
    __atomic_store_n(&taken, 0, __ATOMIC_RELAXED);
}

static void *work(void *unused)
{
    for (int i = 0; i < 100; i++) {
        lock();
        counter++;
        unlock();
    }
    return unused;
}

int main(void)
{
    char bytes[8] = {0};
    __tsan_java_init(0, 0);
    __sanitizer_set_death_callback(NULL);
    __sanitizer_syscall_pre_impl_read(0, 0, 0);
    __sanitizer_syscall_post_impl_read(0, 0, 0, 0);
    __sanitizer_print_stack_trace();
    __sanitizer_unaligned_store32(bytes + 1, 0x01020304);
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    work(NULL);
    pthread_join(thread, NULL);
    void *report = __tsan_get_current_report();
    const char *text = NULL;
    int count = 7;
    printf("%d %d %x %d\n", report != NULL, __tsan_get_report_data(report, &text, &count),
           __sanitizer_unaligned_load32(bytes + 1), counter);
    return 0;
}
