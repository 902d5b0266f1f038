/*
 * Thread-local objects of C++ are destroyed at the end of their thread, before the join.
 *
 * EXPECT: none
 * MODE: plain instrumented clang patched
 */
#include <cstdio>
#include <mutex>
#include <thread>

static std::mutex lock;
static int alive, destroyed;

struct Counter {
    int value = 0;
    Counter()
    {
        std::lock_guard<std::mutex> guard(lock);
        alive++;
    }
    ~Counter()
    {
        std::lock_guard<std::mutex> guard(lock);
        alive--;
        destroyed += value;
    }
};

static thread_local Counter counter;

int main()
{
    for (int i = 0; i < 5; i++) {
        std::thread a([] { counter.value++; }), b([] { counter.value++; });
        a.join();
        b.join();
    }
    std::printf("%d %d\n", alive, destroyed);
    return 0;
}
