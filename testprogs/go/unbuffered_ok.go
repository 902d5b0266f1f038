/*
 * Values handed over by unbuffered channels, both ways.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import "fmt"

type request struct {
	value int
	reply chan *request
}

func main() {
	requests := make(chan *request)
	done := make(chan bool)
	turns := 0
	go func() {
		defer close(done)
		for r := range requests {
			r.value *= 2
			r.reply <- r
		}
		turns++
	}()
	sum := 0
	for n := 0; n < 1000; n++ {
		r := &request{n, make(chan *request)}
		requests <- r
		sum += (<-r.reply).value
		r.value = 0
	}
	close(requests)
	<-done
	turns++
	fmt.Println(sum, turns)
}
