/*
 * The variable is counted under a lock, and atomically.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

var (
	lock  sync.Mutex
	hits  int
	total int64
)

func main() {
	var group sync.WaitGroup
	for n := 0; n < 8; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 100; i++ {
				lock.Lock()
				hits++
				lock.Unlock()
				atomic.AddInt64(&total, 1)
			}
		}()
	}
	group.Wait()
	fmt.Println(hits, total)
}
