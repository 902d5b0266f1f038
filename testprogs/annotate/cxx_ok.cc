/*
 * gorocheck.h from C++: a lock class that tells of itself, a name, an ignored part; and a use that is compiled away.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <cstdio>
#include <thread>

#include "../../shim/gorocheck.h"

namespace
{
class Lock
{
  public:
    Lock() { gorocheck_lock_create(this), gorocheck_name(this, "a lock"); }
    ~Lock() { gorocheck_lock_destroy(this); }
    void lock()
    {
        gorocheck_locking(this);
        gorocheck_ignore_begin();
        while (__atomic_exchange_n(&taken, 1, __ATOMIC_RELAXED))
            std::this_thread::yield();
        gorocheck_ignore_end();
        gorocheck_locked(this);
    }
    void unlock()
    {
        gorocheck_unlocking(this);
        __atomic_store_n(&taken, 0, __ATOMIC_RELAXED);
    }

  private:
    int taken = 0;
};

Lock lock;
int counter;

void work()
{
    for (int i = 0; i < 100; i++) {
        lock.lock();
        counter++;
        lock.unlock();
    }
}
} // namespace

int main()
{
    std::thread a(work), b(work);
    a.join();
    b.join();
    std::printf("%d\n", counter);
}
