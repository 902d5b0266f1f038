/*
 * A function returns a channel of names; its caller stops reading when it has found what it wants.
 *
 * EXPECT: blocked @send channel [proved]
 */
package main

import (
	"fmt"
	"time"
)

func listDirectory() <-chan string {
	names := make(chan string)
	go func() {
		defer close(names)
		for _, name := range []string{"a", "b", "c", "d"} {
			names <- name /* @send */
		}
	}()
	return names
}

func main() {
	for name := range listDirectory() {
		if name == "b" {
			fmt.Println("found", name)
			break
		}
	}
	time.Sleep(20 * time.Millisecond)
}
