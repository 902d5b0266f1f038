/*
 * A function returns a channel of names; its caller stops reading when it has found what it wants.
 *
 * EXPECT: blocked @send channel [proved]
 * CFLAGS: testprogs/support/until.go
 */
package main

import "fmt"

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
	until(1, "chan send")
}
