/*
 * main ends itself as a goroutine, not the program; nobody that is left can go on.
 *
 * EXPECT: blocked @receive channel [proved]
 * EXPECT: exit 2
 */
package main

import "runtime"

func main() {
	go func() {
		<-make(chan int) /* @receive */
	}()
	runtime.Goexit()
}
