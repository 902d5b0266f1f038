/*
 * std::shared_ptr: LOCKed counts order the end of the object after its last use.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <memory>
#include <thread>

struct Object {
    long data[4] = {1, 2, 3, 4};
};

static std::shared_ptr<Object> objects[2][20];
long sums[2];

static void use(int mine)
{
    for (int i = 0; i < 20; i++) {
        sums[mine] += objects[mine][i]->data[i % 4];
        objects[mine][i].reset();
    }
}

static void first()
{
    use(0);
}

static void second()
{
    use(1);
}

int main()
{
    for (int i = 0; i < 20; i++)
        objects[0][i] = objects[1][i] = std::make_shared<Object>();
    std::thread a(first), b(second);
    a.join();
    b.join();
    return 0;
}
