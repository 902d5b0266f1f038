/*
 * A worker leaves on an error without Done: who waits for the group waits for ever.
 *
 * EXPECT: blocked @wait wait-group [proved]
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
			if err := work(n); err != nil {
				return
			}
			group.Done()
		}(n)
	}
	group.Wait() /* @wait */
	report <- "all done"
}

func main() {
	report := make(chan string, 1)
	go collect(report)
	select {
	case text := <-report:
		fmt.Println(text)
	case <-time.After(30 * time.Millisecond):
		fmt.Println("no report")
	}
}
