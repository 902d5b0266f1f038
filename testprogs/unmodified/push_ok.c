/*
 * A list pushed to by compare and swap, and walked.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdatomic.h>

struct node {
    struct node *next;
    int value;
};

static _Atomic(struct node *) head;
static struct node nodes[2][50];
int sum;

static void push(struct node *node)
{
    node->next = atomic_load(&head);
    while (!atomic_compare_exchange_weak(&head, &node->next, node))
        ;
}

static void *first(void *unused)
{
    for (int i = 0; i < 50; i++) {
        nodes[0][i].value = i;
        push(&nodes[0][i]);
    }
    return unused;
}

static void *second(void *unused)
{
    for (int i = 0; i < 50; i++)
        push(&nodes[1][i]);
    for (struct node *node = atomic_load(&head); node; node = node->next)
        sum += node->value;
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
