/*
 * Nobody is left to run: Go's runtime ends the program itself.
 *
 * EXPECT: blocked @main channel
 * EXPECT: blocked @other channel
 * EXPECT: exit 2
 */
package main

func main() {
	requests, replies := make(chan int), make(chan int)
	go func() {
		replies <- 2 * <-requests /* @other */
	}()
	<-replies /* @main */
	requests <- 1
}
