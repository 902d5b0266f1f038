/*
 * Two goroutines count in a plain variable.
 *
 * EXPECT: race @add @add main.hits
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

var hits int

func main() {
	var group sync.WaitGroup
	for n := 0; n < 2; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			hits++ /* @add */
		}()
	}
	group.Wait()
	fmt.Println(hits > 0)
}
