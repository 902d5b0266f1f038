/*
 * A name is set and compared under a lock.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 * CFLAGS: -fno-builtin
 */
#include <pthread.h>
#include <string.h>

static char name[32] = "unknown";
int same;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    pthread_mutex_lock(&lock);
    strcpy(name, "worker-of-the-first-kind");
    pthread_mutex_unlock(&lock);
    return unused;
}

static void *second(void *unused)
{
    pthread_mutex_lock(&lock);
    same = strcmp(name, "worker") == 0;
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
