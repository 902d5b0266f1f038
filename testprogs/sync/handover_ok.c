/*
 * A block passes through a locked list: made here, used there, freed by a third.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

struct item {
    struct item *next;
    int value;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct item *made, *used;
static long sum;

static struct item *take(struct item **list)
{
    for (;;) {
        pthread_mutex_lock(&lock);
        struct item *item = *list;
        if (item)
            *list = item->next;
        pthread_mutex_unlock(&lock);
        if (item)
            return item;
        sched_yield();
    }
}

static void put(struct item **list, struct item *item)
{
    pthread_mutex_lock(&lock);
    item->next = *list;
    *list = item;
    pthread_mutex_unlock(&lock);
}

static void *produce(void *unused)
{
    for (int i = 0; i < 50; i++) {
        struct item *item = malloc(sizeof(*item));
        item->value = i;
        put(&made, item);
    }
    return unused;
}

static void *use(void *unused)
{
    for (int i = 0; i < 50; i++) {
        struct item *item = take(&made);
        item->value *= 2;
        put(&used, item);
    }
    return unused;
}

static void *finish(void *unused)
{
    for (int i = 0; i < 50; i++) {
        struct item *item = take(&used);
        sum += item->value;
        free(item);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b, c;
    pthread_create(&a, NULL, produce, NULL);
    pthread_create(&b, NULL, use, NULL);
    pthread_create(&c, NULL, finish, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    pthread_join(c, NULL);
    printf("%ld\n", sum);
    return 0;
}
