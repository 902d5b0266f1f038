/*
 * WaitGroup.Add in the goroutine: Wait finds zero and returns at once.
 *
 * EXPECT: leak @go [suspected]
 * ENV: GOMAXPROCS=1
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	var wait sync.WaitGroup
	for i := 0; i < 3; i++ {
		go func(i int) { /* @go */
			wait.Add(1)
			defer wait.Done()
			fmt.Println("saved", i)
		}(i)
	}
	wait.Wait()
}
