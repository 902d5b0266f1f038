/*
 * Blocks made by operator new, which nobody instrumented: of each the report names the function that asked for it, of one
 * that was made before there was a second thread, too.
 *
 * EXPECT: race @set_early @get_early [proved]
 * EXPECT: race @set_late @get_late [proved]
 * REPORT: make_early
 * REPORT: make_late
 * MODE: instrumented patched clang
 */
#include <memory>
#include <pthread.h>
#include <stdio.h>

#include "../order.h"

static std::unique_ptr<long[]> early, late;

__attribute__((noinline)) static void make_early(size_t count)
{
    early = std::make_unique<long[]>(count);
}

__attribute__((noinline)) static void make_late(size_t count)
{
    late = std::make_unique<long[]>(count);
}

static void *idle(void *)
{
    return nullptr;
}

static void *set(void *)
{
    early[2] += 1; /* @set_early */
    late[3] += 1;  /* @set_late */
    order_signal(1);
    return nullptr;
}

int main()
{
    make_early(4);
    pthread_t thread;
    pthread_create(&thread, nullptr, idle, nullptr);
    pthread_join(thread, nullptr);
    make_late(6);
    pthread_create(&thread, nullptr, set, nullptr);
    order_wait(1);
    printf("%ld\n", early[2]); /* @get_early */
    printf("%ld\n", late[3]);  /* @get_late */
    pthread_join(thread, nullptr);
}
