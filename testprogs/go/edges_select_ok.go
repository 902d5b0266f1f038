/*
 * What channels order, by every form of select: default, nil channels, closed ones, several that are ready; and a channel
 * of capacity two as a semaphore.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"fmt"
	"runtime"
	"sync"
)

/* A send that a select without waiting has made is before its receive. */
func polled() int {
	values := make(chan int, 1)
	shared, read := 0, 0
	done := make(chan bool)
	go func() {
		shared = 1
		for sent := false; !sent; {
			select {
			case values <- 1:
				sent = true
			default:
				runtime.Gosched()
			}
		}
		close(done)
	}()
	for received := false; !received; {
		select {
		case <-values:
			received = true
		default:
			runtime.Gosched()
		}
	}
	read = shared
	<-done
	return read
}

/* A nil channel's case never happens; a closed one's does, and is after the close. */
func closed() int {
	var never chan int
	stop := make(chan struct{})
	shared := 0
	go func() {
		shared = 2
		close(stop)
	}()
	select {
	case never <- 1:
	case <-never:
	case _, open := <-stop:
		if !open {
			return shared
		}
	}
	return -1
}

/* Several cases are ready: whichever is taken orders. */
func several() int {
	a, b, c := make(chan int, 4), make(chan int), make(chan int, 1)
	shared := [3]int{}
	var group sync.WaitGroup
	group.Add(3)
	go func() { defer group.Done(); shared[0] = 1; a <- 0 }()
	go func() { defer group.Done(); shared[1] = 1; b <- 1 }()
	go func() { defer group.Done(); shared[2] = 1; c <- 2 }()
	sum := 0
	for i := 0; i < 3; i++ {
		select {
		case n := <-a:
			sum += shared[n]
		case n := <-b:
			sum += shared[n]
		case n := <-c:
			sum += shared[n]
		}
	}
	group.Wait()
	return sum
}

/* The k-th receive is before the (k+2)-th send: two at a time, each place's user after the one before. */
func semaphore() int {
	places := make(chan int, 2)
	places <- 0
	places <- 1
	shared := [2]int{}
	var group sync.WaitGroup
	for i := 0; i < 20; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			place := <-places
			shared[place]++
			places <- place
		}()
	}
	group.Wait()
	return shared[0] + shared[1]
}

/* A receive from an unbuffered channel is before its send completes. */
func handed() int {
	values := make(chan int)
	shared := 0
	go func() {
		shared = 5
		<-values
	}()
	values <- 1
	return shared
}

func main() {
	fmt.Println(polled(), closed(), several(), semaphore(), handed())
}
