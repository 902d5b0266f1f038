/*
 * A wait group that main does not wait for: it returns while the work is under way.
 *
 * EXPECT: leak @go main.main..func1 [suspected]
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"fmt"
	"sync"
	"time"
)

func main() {
	var wait sync.WaitGroup
	begun := make(chan bool)
	for i := 0; i < 2; i++ {
		wait.Add(1)
		go func(i int) { /* @go */
			defer wait.Done()
			begun <- true
			time.Sleep(time.Minute)
			fmt.Println("saved", i)
		}(i)
	}
	<-begun
	<-begun
	until(2, "sleep")
}
