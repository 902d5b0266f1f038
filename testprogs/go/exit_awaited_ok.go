/*
 * A goroutine other than main ends the program; main waits for what that goroutine would have sent. That is no leak: the
 * sender was still at work.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"os"
)

func work(done chan<- bool, parts int) {
	for n := 0; n < parts; n++ {
		fmt.Println("part", n)
	}
	if parts == 3 {
		os.Exit(0)
	}
	done <- true
}

func main() {
	done := make(chan bool)
	go work(done, 3)
	<-done
	fmt.Println("done")
}
