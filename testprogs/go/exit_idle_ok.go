/*
 * A goroutine that waits for the order to stop ends the program while the others only wait to be given something to do.
 *
 * EXPECT: none
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	jobs := make(chan int)
	for i := 0; i < 4; i++ {
		go func() {
			defer fmt.Println("worker done")
			for job := range jobs {
				fmt.Println(job)
			}
		}()
	}
	go func() {
		for range time.Tick(time.Hour) {
			jobs <- 1
		}
	}()
	go func() {
		until(5, "chan receive")
		fmt.Println("stopped")
		os.Exit(0)
	}()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		connection.Close()
	}
}
