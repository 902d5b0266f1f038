/*
 * A local static object is initialised once, by whichever thread comes first: the language orders it.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>

struct Config {
    int port;
    Config() : port(80) {}
};

static int time_of_day = 1;

static int port()
{
    static Config config = []() {
        Config made;
        made.port += time_of_day;
        return made;
    }();
    return config.port;
}

static void *use(void *argument)
{
    *static_cast<int *>(argument) = port();
    return nullptr;
}

int main()
{
    pthread_t a, b;
    int one = 0, two = 0;
    pthread_create(&a, nullptr, use, &one);
    pthread_create(&b, nullptr, use, &two);
    pthread_join(a, nullptr);
    pthread_join(b, nullptr);
    return one != 81 || two != 81;
}
