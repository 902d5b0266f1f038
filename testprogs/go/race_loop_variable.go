/*
 * Goroutines use the variable of the loop that starts them.
 *
 * EXPECT: race @loop @use
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
	for n := 0; n < 3; n++ { /* @loop */
		group.Add(1)
		go func() {
			defer group.Done()
			lock.Lock()
			sum += n /* @use */
			lock.Unlock()
		}()
	}
	group.Wait()
	fmt.Println(sum >= 0)
}
