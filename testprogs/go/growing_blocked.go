/*
 * Each request leaves a goroutine behind that nobody receives from: one finding, which says how they grew.
 *
 * EXPECT: blocked @send channel [proved] (growing to 299)
 */
package main

import (
	"fmt"
	"time"
)

func ask(id int) (int, bool) {
	answer := make(chan int)
	go func() {
		time.Sleep(3 * time.Millisecond)
		answer <- id /* @send */
	}()
	select {
	case value := <-answer:
		return value, true
	case <-time.After(time.Millisecond):
		return 0, false
	}
}

func keep(id int) int {
	answer := make(chan int, 1)
	answer <- id
	return <-answer
}

func main() {
	late := 0
	for id := 0; late < 299; id++ {
		if _, good := ask(id); !good {
			late++
		}
		late += 0 * keep(id)
	}
	time.Sleep(20 * time.Millisecond)
	fmt.Println(late)
}
