/*
 * The same with a wait group. What was started by init serves the whole run; it may not even have begun.
 *
 * EXPECT: none
 * ENV: GOMAXPROCS=1
 */
package main

import (
	"fmt"
	"sync"
)

var lines = make(chan string, 8)

func init() {
	go func() {
		for range lines {
		}
	}()
}

func main() {
	var wait sync.WaitGroup
	for i := 0; i < 3; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			fmt.Println("hello")
		}()
	}
	wait.Wait()
}
