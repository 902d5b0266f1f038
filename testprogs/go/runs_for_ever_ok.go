/*
 * The same with a channel that it looks at, and that says when it has stopped. Another one, which nobody waits for, looks too.
 *
 * EXPECT: none
 */
package main

import "time"

func count(step int, stop <-chan struct{}, stopped chan<- int) {
	total := 0
	for {
		select {
		case <-stop:
			stopped <- total
			return
		default:
			total += step
		}
	}
}

func main() {
	stop, stopped := make(chan struct{}), make(chan int)
	nobody := make(chan int, 1)
	go count(1, stop, stopped)
	go count(1, stop, nobody)
	time.Sleep(20 * time.Millisecond)
	close(stop)
	<-stopped
}
