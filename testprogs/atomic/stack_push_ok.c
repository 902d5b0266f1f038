/*
 * A lock-free stack filled by two threads and emptied at once by a third.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>

struct node {
    struct node *next;
    int value;
};
static _Atomic(struct node *) top;
static atomic_int done;
static struct node nodes[2][50];

static void push(struct node *node, int value)
{
    node->value = value;
    node->next = atomic_load_explicit(&top, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&top, &node->next, node, memory_order_release,
                                                  memory_order_relaxed))
        ;
}

static void *first(void *unused)
{
    for (int i = 0; i < 50; i++)
        push(&nodes[0][i], 1);
    atomic_fetch_add(&done, 1);
    return unused;
}

static void *second(void *unused)
{
    for (int i = 0; i < 50; i++)
        push(&nodes[1][i], 2);
    atomic_fetch_add(&done, 1);
    return unused;
}

static void *third(void *unused)
{
    int sum = 0;
    while (sum < 150) {
        struct node *list = atomic_exchange_explicit(&top, NULL, memory_order_acquire);
        for (; list; list = list->next)
            sum += list->value;
    }
    return unused;
}

int main(void)
{
    pthread_t a, b, c;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_create(&c, NULL, third, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    pthread_join(c, NULL);
    return 0;
}
