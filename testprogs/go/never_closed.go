/*
 * A consumer ranges over a channel that nobody closes.
 *
 * EXPECT: blocked @range channel [proved]
 */
package main

import "fmt"

func main() {
	lines := make(chan string, 2)
	printed := make(chan bool)
	go func() {
		for line := range lines { /* @range */
			fmt.Println(line)
			printed <- true
		}
	}()
	for _, line := range []string{"one", "two"} {
		lines <- line
		<-printed
	}
}
