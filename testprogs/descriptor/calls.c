/*
 * Every call that takes from a pipe, socket pair, connection or eventfd, or puts something into it, stuck at one whose other
 * end nobody serves any more.
 *
 * EXPECT: blocked @read pipe
 * EXPECT: blocked @read_checked pipe
 * EXPECT: blocked @readv pipe
 * EXPECT: blocked @preadv2 pipe
 * EXPECT: blocked @preadv64v2 pipe
 * EXPECT: blocked @splice_from pipe
 * EXPECT: blocked @tee_from pipe
 * EXPECT: blocked @vmsplice_from pipe
 * EXPECT: blocked @recv socket
 * EXPECT: blocked @recv_checked socket
 * EXPECT: blocked @recvfrom socket
 * EXPECT: blocked @recvfrom_checked socket
 * EXPECT: blocked @recvmsg socket
 * EXPECT: blocked @recvmmsg socket
 * EXPECT: blocked @recv_datagram socket
 * EXPECT: blocked @recv_connection socket
 * EXPECT: blocked @eventfd_read eventfd
 * EXPECT: blocked @read_event eventfd
 * EXPECT: blocked @write pipe
 * EXPECT: blocked @writev pipe
 * EXPECT: blocked @pwritev2 pipe
 * EXPECT: blocked @pwritev64v2 pipe
 * EXPECT: blocked @vmsplice_to pipe
 * EXPECT: blocked @splice_to pipe
 * EXPECT: blocked @tee_to pipe
 * EXPECT: blocked @sendfile pipe
 * EXPECT: blocked @sendfile64 pipe
 * EXPECT: blocked @send socket
 * EXPECT: blocked @sendto socket
 * EXPECT: blocked @sendmsg socket
 * EXPECT: blocked @sendmmsg socket
 * EXPECT: blocked @send_connection socket
 * EXPECT: blocked @eventfd_write eventfd
 * MODE: plain instrumented
 */
#include "../support/calls.h"

int main(void)
{
    return calls_main(false);
}
