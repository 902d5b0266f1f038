/*
 * A reader takes its lock again while a writer waits: the writer goes first, so neither does.
 *
 * EXPECT: deadlock @read
 * EXPECT: blocked @write rwlock
 */
package main

import (
	"sync"
	"time"
)

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
	time.Sleep(20 * time.Millisecond)
	go2 <- true
	time.Sleep(20 * time.Millisecond)
}
