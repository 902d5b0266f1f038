/*
 * A goroutine is deep in calls, half a megabyte, and sleeps; only there is the channel that somebody waits for.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"time"
)

//go:noinline
func descend(depth int, ready chan bool, made chan chan int) int {
	var used [100]int
	used[depth%100] = depth
	if depth == 0 {
		c := make(chan int)
		made <- c
		made = nil
		close(ready)
		time.Sleep(time.Hour)
		c <- 1
		return 0
	}
	return descend(depth-1, ready, made) + used[(depth+1)%100]
}

func start(depth int) {
	ready, made, waits := make(chan bool), make(chan chan int), make(chan bool)
	go descend(depth, ready, made)
	go func(c chan int) {
		close(waits)
		<-c
	}(<-made)
	<-ready
	<-waits
}

/* What earlier calls left on the stack is overwritten. */
func clean(depth int) int {
	var used [64]int
	for i := range used {
		used[i] = depth
	}
	if depth > 0 {
		return clean(depth-1) + used[depth%64]
	}
	return 0
}

func main() {
	start(500)
	clean(100)
	time.Sleep(10 * time.Millisecond)
	fmt.Println("done")
}
