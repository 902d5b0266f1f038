/*
 * What ends the waits of others are deferred calls of a goroutine that sleeps when the program ends: they are kept apart
 * from its stack.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"os"
	"time"
)

func start(begun chan<- bool) chan int {
	values := make(chan int)
	go func() {
		begun <- true
		fmt.Println(<-values)
	}()
	return values
}

func work(begun chan<- bool) {
	for i := 0; i < 3; i++ {
		defer close(start(begun))
	}
	time.Sleep(time.Hour)
}

func main() {
	begun := make(chan bool)
	go work(begun)
	for i := 0; i < 3; i++ {
		<-begun
	}
	time.Sleep(10 * time.Millisecond)
	os.Exit(0)
}
