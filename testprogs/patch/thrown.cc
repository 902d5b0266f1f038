/*
 * Exceptions through patched frames and frames of the C library (a comparison called by qsort throws), into handlers that
 * catch, clean up and throw again; and out of a signal's reach: from a function pointer, from a constructor of a static.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 */
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static thread_local int cleaned;

struct Cleaner {
    ~Cleaner() { cleaned++; }
};

static int compare(const void *a, const void *b)
{
    Cleaner cleaner;
    int x = *static_cast<const int *>(a), y = *static_cast<const int *>(b);
    if (x == 13 || y == 13)
        throw x + y;
    return x - y;
}

struct Once {
    int value;
    explicit Once(int round) : value(round)
    {
        if (round < 3)
            throw std::runtime_error("not yet");
    }
};

static int once(int round)
{
    static Once one(round);
    return one.value;
}

static std::string rethrow(int depth)
{
    Cleaner cleaner;
    try {
        if (depth == 0)
            throw std::out_of_range("deep");
        return rethrow(depth - 1);
    } catch (const std::out_of_range &error) {
        if (depth < 10)
            throw;
        return std::string(error.what()) + std::to_string(depth);
    }
}

static void work(std::vector<std::string> *out)
{
    int numbers[40], sum = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 40; i++)
            numbers[i] = (i * 7 + round) % 41;
        try {
            std::qsort(numbers, 40, sizeof(int), compare);
            sum += 1000;
        } catch (int value) {
            sum += value > 0;
        }
    }
    std::function<std::string(int)> pointer = rethrow;
    out->push_back(std::to_string(sum) + pointer(10) + std::to_string(cleaned > 200));
}

int main()
{
    std::vector<std::string> results[3];
    std::vector<std::thread> threads;
    for (auto &result : results)
        threads.emplace_back(work, &result);
    for (auto &thread : threads)
        thread.join();
    for (auto &result : results)
        std::puts(result[0].c_str());
    for (int round = 0; round < 5; round++) {
        try {
            std::printf("%d\n", once(round));
        } catch (const std::runtime_error &error) {
            std::puts(error.what());
        }
    }
    return 0;
}
