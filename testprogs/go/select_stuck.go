/*
 * A select of two cases, both ends of which have been forgotten.
 *
 * EXPECT: blocked @select select [proved]
 * CFLAGS: testprogs/support/until.go
 */
package main

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
	until(1, "select")
}
