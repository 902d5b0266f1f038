/*
 * The string is replaced and measured under a lock.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <string.h>

#include "../order.h"

char name[64] = "nobody in particular";
char line[128];
size_t length;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    pthread_mutex_lock(&lock);
    strcpy(name, (const char *)unused ? "x" : "somebody else");
    pthread_mutex_unlock(&lock);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    pthread_mutex_lock(&lock);
    length = strlen(name);
    strncpy(line, name, sizeof(line) - 1);
    pthread_mutex_unlock(&lock);
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
