/*
 * An object is destroyed by its base class's destructor while another thread calls a virtual function: the table
 * pointer itself is raced for.
 *
 * EXPECT: race @destructor @call [proved]
 * PATCHED: race @destructor @call [suspected]
 * MODE: instrumented patched
 * ONLY: an eight-byte store could be atomic as far as the machine code tells: suspected
 */
#include <new>
#include <pthread.h>

#include "../order.h"

struct Base {
    virtual int value() { return 1; }
    __attribute__((noinline)) void finish() { order_wait(1); }
    virtual ~Base()
    { /* @destructor */
        finish();
    }
};
struct Derived : Base {
    int value() override { return 2; }
    ~Derived() override {}
};

int seen;

static void *use(void *argument)
{
    seen = static_cast<Base *>(argument)->value(); /* @call */
    order_signal(1);
    return nullptr;
}

int main()
{
    alignas(Derived) static char memory[sizeof(Derived)];
    Derived *object = new (memory) Derived;
    pthread_t thread;
    pthread_create(&thread, nullptr, use, object);
    object->~Derived();
    pthread_join(thread, nullptr);
    return 0;
}
