/*
 * WaitGroup.Add before the go statement: Wait finds all of them.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	var wait sync.WaitGroup
	saved := make([]bool, 3)
	for i := range saved {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			saved[i] = true
		}(i)
	}
	wait.Wait()
	fmt.Println(saved)
}
