/*
 * Exceptions within fibers: thrown and caught on one stack, several frames deep, while another fiber is in the middle of its
 * own; a lock that unwinding gives up; a fiber whose last frame catches all.
 *
 * EXPECT: none
 * MODE: plain instrumented clang patched
 */
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <ucontext.h>

namespace
{
std::mutex lock;
int counter;

struct Run {
    ucontext_t home, fibers[2];
    int caught = 0, finished = 0;
};

__attribute__((noinline)) void fails(int depth)
{
    if (depth)
        return fails(depth - 1), void();
    std::lock_guard<std::mutex> hold(lock);
    counter++;
    throw std::runtime_error("as it should");
}

void body(Run *run, int me)
{
    try {
        for (int i = 0; i < 5; i++) {
            try {
                fails(10);
            } catch (const std::runtime_error &) {
                run->caught++;
            }
            if (!run->finished)
                swapcontext(&run->fibers[me], &run->fibers[1 - me]);
        }
        throw me;
    } catch (...) {
        run->caught++;
    }
    run->finished++;
    if (run->finished == 1)
        setcontext(&run->fibers[1 - me]);
    setcontext(&run->home);
}

void work()
{
    static thread_local char stacks[2][131072];
    Run run;
    for (int i = 0; i < 2; i++) {
        getcontext(&run.fibers[i]);
        run.fibers[i].uc_stack.ss_sp = stacks[i];
        run.fibers[i].uc_stack.ss_size = sizeof stacks[i];
        run.fibers[i].uc_link = nullptr;
        makecontext(&run.fibers[i], reinterpret_cast<void (*)()>(body), 2, &run, i);
    }
    swapcontext(&run.home, &run.fibers[0]);
    std::lock_guard<std::mutex> hold(lock);
    counter += run.caught;
}
} // namespace

int main()
{
    std::thread a(work), b(work);
    a.join();
    b.join();
    std::printf("%d\n", counter);
}
