/*
 * A name is set while another task compares it.
 *
 * EXPECT: race @set @compare name[0] [proved]
 * MODE: instrumented clang patched
 * CFLAGS: -fno-builtin
 */
#include <pthread.h>
#include <string.h>

static char name[32] = "unknown";
int same;

static void *first(void *unused)
{
    strcpy(name, "worker-of-the-first-kind"); /* @set */
    return unused;
}

static void *second(void *unused)
{
    same = strcmp(name, "worker") == 0; /* @compare */
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
