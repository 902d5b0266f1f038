/*
 * What Go's own operations cost: `go KIND N`. Kinds: mutex (lock and unlock), buffered (send and receive), unbuffered
 * (hand over), spawn (a goroutine's start and end), million (many made, a few thousand at a time), alive (N blocked at
 * once, left behind). For testprogs/bench/run, which subtracts what KIND costs for N = 1.
 */
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
)

func mutex(n int) (total int) {
	var lock sync.Mutex
	for i := 0; i < n; i++ {
		lock.Lock()
		total++
		lock.Unlock()
	}
	return
}

func buffered(n int) (total int) {
	values := make(chan int, 16)
	for i := 0; i < n; i++ {
		values <- i
		total += <-values
	}
	return
}

func unbuffered(n int) (total int) {
	values := make(chan int)
	go func() {
		for i := 0; i < n; i++ {
			values <- i
		}
		close(values)
	}()
	for value := range values {
		total += value
	}
	return
}

func spawn(n, together int) int {
	var group sync.WaitGroup
	for i := 0; i < n; i += together {
		for k := 0; k < together && i+k < n; k++ {
			group.Add(1)
			go group.Done()
		}
		group.Wait()
	}
	return n
}

func alive(n int) int {
	ready, never := make(chan bool), make(chan int)
	for i := 0; i < n; i++ {
		go func() {
			ready <- true
			<-never
		}()
	}
	for i := 0; i < n; i++ {
		<-ready
	}
	return n
}

func main() {
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	switch os.Args[1] {
	case "mutex":
		fmt.Println(mutex(n))
	case "buffered":
		fmt.Println(buffered(n))
	case "unbuffered":
		fmt.Println(unbuffered(n))
	case "spawn":
		fmt.Println(spawn(n, 100))
	case "million":
		fmt.Println(spawn(n, 4000))
	case "alive":
		fmt.Println(alive(n))
	}
}
