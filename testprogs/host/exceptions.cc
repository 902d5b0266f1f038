/*
 * C++: exceptions through many frames in several threads, futures, shared pointers, a thread pool of the library.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <cstdio>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

static std::mutex lock;
static int caught;

static int dive(int depth)
{
    struct Guard {
        ~Guard() { __asm__ volatile(""); }
    } guard;
    if (!depth)
        throw std::runtime_error("bottom");
    return dive(depth - 1) + 1;
}

static void work()
{
    for (int i = 0; i < 50; i++) {
        try {
            dive(i % 20);
        } catch (const std::runtime_error &) {
            std::lock_guard<std::mutex> guard(lock);
            caught++;
        }
    }
}

int main()
{
    std::vector<std::thread> threads;
    auto shared = std::make_shared<int>(5);
    for (int i = 0; i < 4; i++)
        threads.emplace_back(work);
    std::thread holder([shared] { (void)*shared; });
    auto future = std::async(std::launch::async, [shared] { return *shared * 2; });
    std::printf("%d\n", future.get());
    holder.join();
    for (auto &thread : threads)
        thread.join();
    std::printf("%d\n", caught);
    return 0;
}
