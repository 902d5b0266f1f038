/*
 * Nobody is left to run: Go's runtime ends the program itself.
 *
 * EXPECT: blocked @main channel [proved]
 * EXPECT: blocked @other channel [proved]
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
