/*
 * main returns with a lock that another goroutine waits for. Whether it was kept for good nobody can say any more.
 *
 * EXPECT: blocked @lock main.lock [suspected]
 * EXPECT: blocked @read main.table.RWMutex [suspected]
 */
package main

import (
	"sync"
	"time"
)

var lock sync.Mutex
var table struct {
	count int
	sync.RWMutex
}

func main() {
	lock.Lock()
	table.RLock()
	go func() {
		lock.Lock() /* @lock */
		defer lock.Unlock()
	}()
	go func() {
		table.Lock() /* @read */
		defer table.Unlock()
	}()
	time.Sleep(20 * time.Millisecond)
}
