/*
 * A worker has taken its job from the queue when main returns: what it computes is lost.
 *
 * EXPECT: leak @go main.work [suspected]
 */
package main

import (
	"fmt"
	"time"
)

func work(jobs <-chan int) {
	for job := range jobs {
		sum := 0
		for i := 0; i >= 0; i++ {
			sum += i * job
		}
		fmt.Println(sum)
	}
}

func main() {
	jobs := make(chan int)
	go work(jobs) /* @go */
	jobs <- 7
	time.Sleep(20 * time.Millisecond)
}
