/*
 * C++20's barrier and latch: tasks write cells of their own, meet, read the others'. The phase of a
 * barrier is a byte that plain moves store and load; those who find it unchanged sleep on another word.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 * CFLAGS: -std=c++20 -O2
 */
#include <barrier>
#include <latch>
#include <thread>
#include <vector>

static constexpr int TASKS = 3, ROUNDS = 40;
static long cells[2][TASKS], begun[TASKS], sums[TASKS];
static std::barrier<> meeting(TASKS);
static std::latch start(TASKS);

static void work(int me)
{
    begun[me] = me + 1;
    start.arrive_and_wait();
    for (long other : begun)
        sums[me] += other;
    for (int round = 0; round < ROUNDS; round++) {
        long sum = 1;
        for (long other : cells[round % 2])
            sum = (sum + other) % 1000;
        cells[1 - round % 2][me] = sum;
        meeting.arrive_and_wait();
    }
}

int main()
{
    std::vector<std::thread> tasks;
    for (int i = 0; i < TASKS; i++)
        tasks.emplace_back(work, i);
    for (auto &task : tasks)
        task.join();
    return sums[0] == sums[1] && cells[0][0] == cells[0][1] ? 0 : 1;
}
