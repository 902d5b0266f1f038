/*
 * Workers range over jobs that nobody sends any more and nobody closes.
 *
 * EXPECT: blocked @jobs channel [proved]
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	jobs := make(chan int)
	var group sync.WaitGroup
	for n := 0; n < 3; n++ {
		go func() {
			for range jobs { /* @jobs */
				group.Done()
			}
		}()
	}
	for n := 0; n < 10; n++ {
		group.Add(1)
		jobs <- n
	}
	group.Wait()
	fmt.Println("done")
	until(3, "chan receive")
}
