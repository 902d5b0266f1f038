/*
 * As many requests by goroutines that end; and a pool, made at once, that waits for work.
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
	jobs := make(chan int)
	for i := 0; i < 64; i++ {
		go func() {
			for range jobs {
				wait.Done()
			}
		}()
	}
	for id := 0; id < 150; id++ {
		wait.Add(2)
		jobs <- id
		go func() {
			time.Sleep(5 * time.Millisecond)
			wait.Done()
		}()
		time.Sleep(2 * time.Millisecond)
	}
	wait.Wait()
	close(jobs)
	fmt.Println("served")
}
