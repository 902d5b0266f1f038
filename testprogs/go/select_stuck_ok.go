/*
 * The Done channel is closed when nobody wants the result.
 *
 * EXPECT: none
 */
package main

func start() (func(), <-chan bool) {
	stop, results, left := make(chan bool), make(chan int), make(chan bool)
	go func() {
		defer close(left)
		select {
		case <-stop:
		case results <- 1:
		}
	}()
	return func() { close(stop) }, left
}

func main() {
	cancel, left := start()
	cancel()
	<-left
}
