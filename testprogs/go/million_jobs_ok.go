/*
 * A worker pool over a million jobs.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	jobs := make(chan int, 64)
	var group sync.WaitGroup
	sums := make([]int, 4)
	for n := range sums {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			for job := range jobs {
				sums[n] += job
			}
		}(n)
	}
	for job := 0; job < 1000000; job++ {
		jobs <- job
	}
	close(jobs)
	group.Wait()
	fmt.Println(sums[0] + sums[1] + sums[2] + sums[3])
}
