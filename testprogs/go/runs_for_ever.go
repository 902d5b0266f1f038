/*
 * A goroutine that counts for ever: it never receives, so it cannot be told to stop.
 *
 * EXPECT: leak @go main.count [suspected]
 */
package main

import "time"

var total int

func count(step int) {
	for {
		total += step
	}
}

func main() {
	go count(1) /* @go */
	time.Sleep(20 * time.Millisecond)
}
