/*
 * The signal comes before the wait, and the flag that should tell is not looked at.
 *
 * EXPECT: blocked @wait condition-variable [proved]
 * CFLAGS: testprogs/support/until.go
 */
package main

import "sync"

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
	until(1, "sync.Cond.Wait")
}
