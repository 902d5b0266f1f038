/*
 * The waiter looks at the condition under the lock, in a loop.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	var lock sync.Mutex
	cond := sync.NewCond(&lock)
	queue := []int{}
	var group sync.WaitGroup
	for n := 0; n < 3; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			lock.Lock()
			for len(queue) == 0 {
				cond.Wait()
			}
			queue = queue[1:]
			lock.Unlock()
		}()
	}
	for n := 0; n < 3; n++ {
		lock.Lock()
		queue = append(queue, n)
		lock.Unlock()
		cond.Signal()
	}
	group.Wait()
	fmt.Println(len(queue))
}
