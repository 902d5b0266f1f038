/*
 * A local static: its guard is a byte that is loaded plainly.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <string>
#include <thread>

static const std::string &name()
{
    static const std::string text = std::string("a name that is too long for the string itself ") + "x";
    return text;
}

std::size_t lengths[2];

static void first()
{
    for (int i = 0; i < 20; i++)
        lengths[0] += name().size();
}

static void second()
{
    for (int i = 0; i < 20; i++)
        lengths[1] += name().size();
}

int main()
{
    std::thread a(first), b(second);
    a.join();
    b.join();
    return 0;
}
