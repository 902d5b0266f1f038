/*
 * A goroutine that waits for a signal would stop the others; none comes, and main returns by itself.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"os"
	"os/signal"
	"time"
)

func start() {
	stop := make(chan struct{})
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		<-interrupts
		close(stop)
	}()
	for i := 0; i < 2; i++ {
		go func() {
			<-stop
			fmt.Println("stopped")
		}()
	}
}

func main() {
	start()
	time.Sleep(20 * time.Millisecond)
}
