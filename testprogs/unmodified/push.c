/*
 * Two threads push onto a list without a lock.
 *
 * EXPECT: race @link @head head [proved]
 * EXPECT: race @link @link head [proved]
 * MODE: patched instrumented
 */
#include <pthread.h>

struct node {
    struct node *next;
    int value;
};

static struct node *head;
static struct node nodes[2];

static void push(struct node *node)
{
    node->next = head; /* @head */
    head = node;       /* @link */
}

static void *first(void *unused)
{
    push(&nodes[0]);
    return unused;
}

static void *second(void *unused)
{
    push(&nodes[1]);
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
