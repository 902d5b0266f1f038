/*
 * An object made by memset and handed over by an atomic flag, whose users are counted by LOCK then: the flag orders its making,
 * whatever its words are. Nor does it matter to that that two atomic operations on one of them are in no order.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 * CFLAGS: -O2
 */
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

struct object {
    std::atomic<long> users, state;
    long rest[6];
};

static std::atomic<bool> ready(false);
static void *room;

static void first()
{
    auto *object = static_cast<struct object *>(std::memset(room, 0, sizeof(struct object)));
    ready.store(true, std::memory_order_release);
    object->users.fetch_add(1);
    object->state.store(1, std::memory_order_relaxed);
}

static void second()
{
    while (!ready.load(std::memory_order_acquire))
        std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    auto *object = static_cast<struct object *>(room);
    object->state.fetch_add(1, std::memory_order_relaxed);
    object->users.fetch_add(1);
}

int main()
{
    room = std::calloc(1, sizeof(struct object));
    std::thread a(first), b(second);
    a.join();
    b.join();
    std::free(room);
    return 0;
}
