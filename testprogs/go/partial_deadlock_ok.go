/*
 * One of them sends first.
 *
 * EXPECT: none
 */
package main

import "fmt"

func main() {
	left, right, done := make(chan int), make(chan int), make(chan int)
	go func() {
		value := <-right
		left <- value
	}()
	go func() {
		right <- 1
		done <- <-left
	}()
	fmt.Println(<-done)
}
