/*
 * A queue without a wait for its producers: the last node is exchanged by LOCK, which orders what is in the nodes; then
 * the link to it is stored in the one before, and who has followed that link frees the node. So it orders its own end and
 * nothing else.
 *
 * EXPECT: race @link @follow [suspected]
 * MODE: patched
 * ONLY: it is about what machine code leaves open
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { NODES = 200 };
struct node {
    struct node *volatile next;
    long data;
};
static struct node *last;
long sum;

static struct node *made(long data)
{
    struct node *node = malloc(sizeof *node);
    if (!node)
        abort();
    node->next = NULL;
    node->data = data;
    return node;
}

static void *first(void *unused)
{
    for (long i = 1; i <= NODES; i++) {
        struct node *node = made(i);
        struct node *before = __atomic_exchange_n(&last, node, __ATOMIC_ACQ_REL);
        before->next = node; /* @link */
    }
    return unused;
}

static void *second(void *data)
{
    struct node *node = data;
    for (int i = 0; i < NODES; i++) {
        struct node *next;
        while (__atomic_load_n(&last, __ATOMIC_ACQUIRE) == node)
            sched_yield();
        while (!(next = node->next)) /* @follow */
            sched_yield();
        free(node);
        sum += next->data;
        node = next;
    }
    free(node);
    return NULL;
}

int main(void)
{
    pthread_t a, b;
    last = made(0);
    pthread_create(&b, NULL, second, last);
    pthread_create(&a, NULL, first, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return sum != NODES * (NODES + 1) / 2;
}
