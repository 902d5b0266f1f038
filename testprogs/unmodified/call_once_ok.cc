/*
 * std::call_once: whoever comes second sees all that the first one did.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <mutex>
#include <thread>

static std::once_flag once;
static long table[16];
long sums[2];

static long get()
{
    std::call_once(once, [] {
        for (int i = 0; i < 16; i++)
            table[i] = i;
    });
    return table[3] + table[15];
}

static void first()
{
    for (int i = 0; i < 20; i++)
        sums[0] += get();
}

static void second()
{
    for (int i = 0; i < 20; i++)
        sums[1] += get();
}

int main()
{
    std::thread a(first), b(second);
    a.join();
    b.join();
    return 0;
}
