/*
 * A channel of capacity 2 is no lock: two may be within.
 *
 * EXPECT: race @count @count
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	lock := make(chan struct{}, 2)
	count := 0
	var group, both sync.WaitGroup
	both.Add(2)
	for n := 0; n < 2; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			lock <- struct{}{}
			count++ /* @count */
			both.Done()
			both.Wait()
			<-lock
		}()
	}
	group.Wait()
	fmt.Println(count > 0)
}
