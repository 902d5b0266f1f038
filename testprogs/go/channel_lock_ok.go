/*
 * A channel of capacity 1 as a lock: the receive is before the next send completes.
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
	lock := make(chan struct{}, 1)
	count := 0
	var group sync.WaitGroup
	for n := 0; n < 4; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 100; i++ {
				lock <- struct{}{}
				count++
				<-lock
			}
		}()
	}
	group.Wait()
	fmt.Println(count)
}
