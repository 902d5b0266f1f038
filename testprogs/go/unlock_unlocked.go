/*
 * A mutex unlocked twice: an error of the runtime, which nothing can recover.
 *
 * EXPECT: ending @unlock main.main..func1 [proved]
 * EXPECT: misuse @unlock unlock-not-locked [proved]
 * EXPECT: exit 2
 * REPORT: It was last used by goroutine
 */
package main

import (
	"sync"
	"time"
)

func main() {
	var lock sync.Mutex
	go func() {
		defer func() { recover() }()
		lock.Lock()
		lock.Unlock()
		lock.Unlock() /* @unlock */
	}()
	time.Sleep(time.Minute)
}
