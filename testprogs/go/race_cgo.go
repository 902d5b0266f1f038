/*
 * Threads of C's race in the C part of a cgo package, and one of them with Go.
 *
 * EXPECT: race @count @count
 * EXPECT: race @seen @show
 * MODE: gorace
 */
package main

/*
#include <pthread.h>

static int count;
int seen;

static void *work(void *unused)
{
	count++; // @count
	return unused;
}

static void *see(void *unused)
{
	seen = 1; // @seen
	return unused;
}

static pthread_t last;

static void start(void)
{
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], 0, work, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], 0);
	pthread_create(&last, 0, see, 0);
}

static void end(void)
{
	pthread_join(last, 0);
}
*/
import "C"

import "fmt"

func main() {
	C.start()
	C.seen++ // @show
	C.end()
	fmt.Println("done")
}
