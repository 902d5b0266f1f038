/*
 * The same, awaited.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"sync"
	"time"
)

func main() {
	var wait sync.WaitGroup
	for i := 0; i < 2; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			time.Sleep(20 * time.Millisecond)
			fmt.Println("saved")
		}()
	}
	wait.Wait()
}
