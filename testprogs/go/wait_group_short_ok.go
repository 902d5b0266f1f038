/*
 * Done is deferred, so that it is called on every way out.
 *
 * EXPECT: none
 */
package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

func work(n int) error {
	if n == 2 {
		return errors.New("two")
	}
	return nil
}

func collect(report chan<- string) {
	var group sync.WaitGroup
	for n := 0; n < 4; n++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			if err := work(n); err != nil {
				return
			}
		}(n)
	}
	group.Wait()
	report <- "all done"
}

func main() {
	report := make(chan string, 1)
	go collect(report)
	select {
	case text := <-report:
		fmt.Println(text)
	case <-time.After(5 * time.Second):
		fmt.Println("no report")
	}
}
