/*
 * A thread joins itself.
 *
 * EXPECT: misuse @join join-self [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

int main(void)
{
    return pthread_join(pthread_self(), NULL) != EDEADLK; /* @join */
}
