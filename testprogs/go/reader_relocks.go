/*
 * A reader takes its lock again while a writer waits: the writer goes first, so neither does.
 *
 * EXPECT: deadlock @read
 * EXPECT: blocked @write rwlock
 * CFLAGS: testprogs/support/until.go
 */
package main

import "sync"

func main() {
	var lock sync.RWMutex
	reading, go2 := make(chan bool), make(chan bool)
	go func() {
		lock.RLock()
		reading <- true
		<-go2
		lock.RLock() /* @read */
		lock.RUnlock()
		lock.RUnlock()
	}()
	<-reading
	go func() {
		lock.Lock() /* @write */
		lock.Unlock()
	}()
	until(1, "semacquire")
	go2 <- true
	until(2, "semacquire")
}
