/*
 * Each goroutine has a copy of its own.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	var group sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	for n := 0; n < 3; n++ {
		n := n
		group.Add(1)
		go func() {
			defer group.Done()
			lock.Lock()
			sum += n
			lock.Unlock()
		}()
	}
	group.Wait()
	fmt.Println(sum)
}
