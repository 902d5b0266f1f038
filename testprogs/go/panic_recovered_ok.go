/*
 * Panics that are recovered, in several goroutines; a nil pointer's too.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"sync"
)

type node struct{ next *node }

func attempt(work func()) (failure interface{}) {
	defer func() { failure = recover() }()
	work()
	return nil
}

func main() {
	var wait sync.WaitGroup
	failures := make(chan string, 8)
	for i := 0; i < 4; i++ {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			var list *node
			failures <- fmt.Sprint(attempt(func() { panic("no") }))
			failures <- fmt.Sprint(attempt(func() { list = list.next }))
		}(i)
	}
	wait.Wait()
	close(failures)
	count := 0
	for range failures {
		count++
	}
	fmt.Println(count)
}
