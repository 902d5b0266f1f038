/*
 * A tree of threads sums up a range; parents read what children wrote after the join.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdio.h>

struct part {
    int from, to;
    long sum;
};

static void *sum(void *argument)
{
    struct part *part = argument;
    if (part->to - part->from <= 16) {
        for (int i = part->from; i < part->to; i++)
            part->sum += i;
        return NULL;
    }
    int middle = (part->from + part->to) / 2;
    struct part left = {part->from, middle, 0}, right = {middle, part->to, 0};
    pthread_t thread;
    pthread_create(&thread, NULL, sum, &left);
    sum(&right);
    pthread_join(thread, NULL);
    part->sum = left.sum + right.sum;
    return NULL;
}

int main(void)
{
    struct part all = {0, 256, 0};
    sum(&all);
    printf("%ld\n", all.sum);
    return 0;
}
