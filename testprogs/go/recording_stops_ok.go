/*
 * The trace has reached its bound while channels, selects and timers go on: nothing is recorded any more, and the program
 * must not notice.
 *
 * EXPECT: none
 * STATUS: 3
 * ENV: GOROCHECK_OPTIONS=max_disk=64K:when_full=drop
 * SAYS: the trace has grown to max_disk
 * MODE: go gorace
 */
package main

import (
	"fmt"
	"sync"
	"time"
)

func stage(in <-chan int, out chan<- int, depth int) {
	if depth > 0 {
		stage(in, out, depth-1)
		return
	}
	timer := time.NewTimer(time.Hour)
	for v := range in {
		select {
		case out <- v:
		case <-timer.C:
		}
	}
	close(out)
}

func main() {
	for round := 0; round < 300; round++ {
		var group sync.WaitGroup
		for k := 0; k < 8; k++ {
			group.Add(1)
			go func(k int) {
				defer group.Done()
				a, b, c := make(chan int), make(chan int, 3), make(chan int)
				go stage(a, b, k)
				go stage(b, c, 10*k)
				go func() {
					for i := 0; i < 50; i++ {
						a <- i
					}
					close(a)
				}()
				sum := 0
				for v := range c {
					sum += v
				}
				done := make(chan int)
				time.AfterFunc(time.Microsecond, func() { close(done) })
				<-done
				if sum != 1225 {
					panic(sum)
				}
			}(k)
		}
		group.Wait()
	}
	fmt.Println("ok")
}
