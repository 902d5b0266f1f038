/*
 * A thread of C's calls into Go and sends to a channel that nobody receives from.
 *
 * EXPECT: blocked @send channel [proved]
 * MODE: gorace
 */
package main

/*
#include <pthread.h>

extern void goSend(void);

static void *work(void *unused)
{
	goSend();
	return unused;
}

static void start(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, work, NULL);
	pthread_detach(thread);
}
*/
import "C"

import (
	"bytes"
	"fmt"
	"runtime"
	"time"
)

/* Returns when the runtime says of some goroutine that it is in this state. */
func until(state string) {
	text := make([]byte, 1<<16)
	for !bytes.Contains(text[:runtime.Stack(text, true)], []byte("["+state)) {
		time.Sleep(time.Millisecond)
	}
}

//export goSend
func goSend() {
	answers := make(chan int)
	answers <- 1 // @send
}

func main() {
	C.start()
	until("chan send")
	fmt.Println("done")
}
