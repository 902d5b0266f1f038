/*
 * The channel that one goroutine waits on is known only to another that is busy, and has it in a register: it may yet
 * send. Nothing is said of the one that waits; of the busy one that its work is cut short.
 *
 * EXPECT: leak @work main.work [suspected]
 */
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

var shared chan int
var lock sync.Mutex
var begun, enough int32

func wait(c chan int) {
	atomic.AddInt32(&begun, 1)
	fmt.Println(<-c)
}

func work() {
	lock.Lock()
	c := shared
	shared = nil
	lock.Unlock()
	atomic.AddInt32(&begun, 1)
	for atomic.LoadInt32(&enough) == 0 {
	}
	c <- 1
}

func start() {
	c := make(chan int)
	shared = c
	go wait(c)
}

/* What earlier calls left on the stack is overwritten. */
func clean(depth int) int {
	var used [64]int
	for i := range used {
		used[i] = depth
	}
	if depth > 0 {
		return clean(depth-1) + used[depth%64]
	}
	return 0
}

func main() {
	start()
	go work() /* @work */
	for atomic.LoadInt32(&begun) < 2 {
		clean(100)
	}
	clean(100)
}
