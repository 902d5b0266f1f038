/*
 * Exceptions and longjmp through functions that are called, and copied, for the first time: the landing pads are then what
 * is come to first.
 *
 * EXPECT: none
 * MODE: plain patched lazy
 */
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

static int released;
static jmp_buf out;

struct held {
    int value;
    explicit held(int v) : value(v)
    {
    }
    ~held()
    {
        released += value;
    }
};

template <int N> __attribute__((noinline)) static int deep(int value)
{
    held one(N);
    if (value < 0)
        throw std::runtime_error("deep " + std::to_string(N));
    return value + N;
}

template <int N> __attribute__((noinline)) static int middle(int value)
{
    held two(N * 10);
    try {
        return deep<N>(value);
    } catch (const std::logic_error &) {
        return -1;
    }
}

template <int N> __attribute__((noinline)) static int outer(int value)
{
    try {
        return middle<N>(value);
    } catch (const std::runtime_error &error) {
        return (int)std::string(error.what()).size() + N;
    }
}

static int compare(const void *a, const void *b)
{
    if (*(const int *)a == 7)
        throw 7;
    return *(const int *)a - *(const int *)b;
}

__attribute__((noinline)) static void leave(int value)
{
    volatile int room[64] = {value};
    if (room[0] == value)
        longjmp(out, value);
}

int main()
{
    int sum = outer<1>(-1) + outer<2>(5) + outer<3>(-1) + outer<4>(-1), numbers[] = {3, 7, 1, 9};
    try {
        qsort(numbers, 4, sizeof(int), compare);
    } catch (int thrown) {
        sum += thrown * 100;
    }
    int value = setjmp(out);
    if (!value)
        leave(42);
    std::printf("%d %d %d\n", sum, released, value);
    return 0;
}
