/*
 * A string is replaced by strcpy while another thread measures and prints it.
 *
 * EXPECT: race @copy @length [proved]
 * EXPECT: race @copy @print [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <string.h>

#include "../order.h"

char name[64] = "nobody in particular";
char line[128];
size_t length;
static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    strcpy(name, (const char *)unused ? "x" : "somebody else"); /* @copy */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    length = strlen(name);    /* @length */
    pthread_mutex_lock(&own); /* a release ends the segment: what follows is recorded anew */
    pthread_mutex_unlock(&own);
    strncpy(line, name, sizeof(line) - 1); /* @print */
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
