/*
 * C++20's semaphores, and wait() and notify of atomics of several sizes: what one task wrote before, the one that
 * it woke reads. Only an int is what a futex waits for; for the others the library has words of its own.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 * CFLAGS: -std=c++20 -O2
 */
#include <atomic>
#include <semaphore>
#include <thread>
#include <vector>

static constexpr int TASKS = 3;
static std::counting_semaphore<8> done(0);
static std::binary_semaphore token(1);
static std::atomic<int> turn(0);
static std::atomic<unsigned char> small(0);
static std::atomic<long> wide(0);
static long total, handed, first, second, sums[TASKS];

static void work(int me)
{
    for (int i = 0; i < 20; i++) {
        token.acquire();
        total++;
        token.release();
    }
    for (int i = 0; i < 10; i++) {
        int now;
        while ((now = turn.load()) % TASKS != me)
            turn.wait(now);
        handed++;
        turn.store(now + 1);
        turn.notify_all();
    }
    if (me == 0) {
        first = 5;
        small.store(1, std::memory_order_release);
        small.notify_all();
    }
    small.wait(0, std::memory_order_acquire);
    sums[me] += first;
    if (me == 1) {
        second = 6;
        wide.store(1, std::memory_order_release);
        wide.notify_all();
    }
    wide.wait(0, std::memory_order_acquire);
    sums[me] += second;
    done.release();
}

int main()
{
    std::vector<std::thread> tasks;
    for (int i = 0; i < TASKS; i++)
        tasks.emplace_back(work, i);
    for (int i = 0; i < TASKS; i++)
        done.acquire();
    bool good = total == TASKS * 20 && handed == TASKS * 10;
    for (long sum : sums)
        good &= sum == 11;
    for (auto &task : tasks)
        task.join();
    return good ? 0 : 1;
}
