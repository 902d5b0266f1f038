/*
 * The signal comes before the wait, and the flag that should tell is not looked at.
 *
 * EXPECT: blocked @wait condition-variable [proved]
 */
package main

import (
	"sync"
	"time"
)

func start() {
	var lock sync.Mutex
	cond := sync.NewCond(&lock)
	ready := make(chan bool)
	go func() {
		<-ready
		lock.Lock()
		cond.Wait() /* @wait */
		lock.Unlock()
	}()
	cond.Signal()
	ready <- true
}

func main() {
	start()
	time.Sleep(20 * time.Millisecond)
}
