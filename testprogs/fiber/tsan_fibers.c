/*
 * ThreadSanitizer's fibers: switches with order, and one that the program says gives none.
 *
 * EXPECT: race @left @right apart
 * ONLY: functions of ThreadSanitizer's runtime are called, which only such a build links
 */
#include <pthread.h>
#include <stdio.h>

#define TSAN __attribute__((weak))
TSAN void *__tsan_get_current_fiber(void);
TSAN void *__tsan_create_fiber(unsigned flags);
TSAN void __tsan_destroy_fiber(void *fiber);
TSAN void __tsan_switch_to_fiber(void *fiber, unsigned flags);
TSAN void __tsan_set_fiber_name(void *fiber, const char *name);

#define NO_SYNC 1u

static int together, apart;

static void *work(void *unused)
{
    void *self = __tsan_get_current_fiber();
    void *other = __tsan_create_fiber(0);
    __tsan_set_fiber_name(other, "other");
    together++;
    __tsan_switch_to_fiber(other, 0);
    together++;
    apart++; /* @left */
    __tsan_switch_to_fiber(self, NO_SYNC);
    apart++; /* @right */
    __tsan_switch_to_fiber(other, 0);
    __tsan_switch_to_fiber(self, 0);
    __tsan_destroy_fiber(other);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    printf("%d %d\n", together, apart);
    return 0;
}
