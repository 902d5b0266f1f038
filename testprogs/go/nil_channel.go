/*
 * A channel that was declared and never made.
 *
 * EXPECT: blocked @receive nil [proved]
 * EXPECT: blocked @send nil [proved]
 * CFLAGS: testprogs/support/until.go
 */
package main

import "fmt"

type service struct {
	requests chan int
}

func main() {
	s := &service{}
	go func() {
		fmt.Println(<-s.requests) /* @receive */
	}()
	go func() {
		s.requests <- 1 /* @send */
	}()
	until(1, "chan receive (nil")
	until(1, "chan send (nil")
}
