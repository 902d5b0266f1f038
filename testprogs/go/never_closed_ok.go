/*
 * The producer closes the channel and waits until the consumer has left its loop.
 *
 * EXPECT: none
 */
package main

import "fmt"

func main() {
	lines := make(chan string, 2)
	done := make(chan bool)
	go func() {
		defer close(done)
		for line := range lines {
			fmt.Println(line)
		}
	}()
	for _, line := range []string{"one", "two"} {
		lines <- line
	}
	close(lines)
	<-done
}
