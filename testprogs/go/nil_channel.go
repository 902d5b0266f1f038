/*
 * A channel that was declared and never made.
 *
 * EXPECT: blocked @receive nil [proved]
 * EXPECT: blocked @send nil [proved]
 */
package main

import (
	"fmt"
	"time"
)

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
	time.Sleep(20 * time.Millisecond)
}
