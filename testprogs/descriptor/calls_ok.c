/*
 * Every call that takes from a pipe, socket pair, connection or eventfd, or puts something into it: the other end is closed,
 * or served once more, so that no wait is for ever.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include "../support/calls.h"

int main(void)
{
    return calls_main(true);
}
