/*
 * A goroutine that waits for a signal would stop the others; none comes, and main returns by itself.
 *
 * EXPECT: none
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"fmt"
	"os"
	"os/signal"
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
	until(3, "chan receive")
}
