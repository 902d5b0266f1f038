/*
 * std::promise and std::future: the value is handed on by an atomic word and a futex.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <future>
#include <thread>
#include <vector>

static std::promise<std::vector<int>> promise;
int sum;

static void first()
{
    std::vector<int> made(10, 3);
    promise.set_value(std::move(made));
}

static void second()
{
    for (int value : promise.get_future().get())
        sum += value;
}

int main()
{
    std::thread a(first), b(second);
    a.join();
    b.join();
    return 0;
}
