/*
 * What a task is given by value is copied by a constructor of the program's, within the call that makes the task.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * CFLAGS: -fopenmp
 */
#include <cstdio>

namespace {

struct Text {
    char letters[40];

    explicit Text(int i)
    {
        for (char &letter : letters)
            letter = static_cast<char>(i);
    }
    Text(const Text &other)
    {
        for (int i = 0; i < 40; i++)
            letters[i] = other.letters[i];
    }
    ~Text() {}
};

void make(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        Text text(i);
        int sum = 0;
#pragma omp task firstprivate(text) shared(sum)
        for (char letter : text.letters)
            sum += letter;
#pragma omp taskloop firstprivate(text) num_tasks(3)
        for (int j = 0; j < 3; j++)
            if (text.letters[j] != i)
                std::puts("?");
#pragma omp taskwait
        if (sum != 40 * i)
            std::puts("?");
    }
}

} // namespace

int main()
{
#pragma omp parallel num_threads(4)
#pragma omp single
    make(100);
    return 0;
}
