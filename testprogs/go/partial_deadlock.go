/*
 * Two goroutines that each wait for the other's value first, while main goes on.
 *
 * EXPECT: blocked @left channel [proved]
 * EXPECT: blocked @right channel [proved]
 * CFLAGS: testprogs/support/until.go
 */
package main

import "fmt"

func exchange() {
	left, right := make(chan int), make(chan int)
	go func() {
		value := <-right /* @left */
		left <- value
	}()
	go func() {
		value := <-left /* @right */
		right <- value
	}()
}

func main() {
	exchange()
	until(2, "chan receive")
	fmt.Println("main is done")
}
