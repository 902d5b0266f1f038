/*
 * A select of two cases, both ends of which have been forgotten.
 *
 * EXPECT: blocked @select select [proved]
 */
package main

import "time"

func start() {
	stop, results := make(chan bool), make(chan int)
	go func() {
		select { /* @select */
		case <-stop:
		case results <- 1:
		}
	}()
}

func main() {
	start()
	time.Sleep(20 * time.Millisecond)
}
