/*
 * Workers that end when the jobs have: closed, waited for.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	jobs, results := make(chan int, 16), make(chan int, 16)
	var group sync.WaitGroup
	for n := 0; n < 8; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for job := range jobs {
				results <- job * job
			}
		}()
	}
	go func() {
		for job := 0; job < 10000; job++ {
			jobs <- job
		}
		close(jobs)
		group.Wait()
		close(results)
	}()
	sum := 0
	for result := range results {
		sum += result
	}
	fmt.Println(sum)
}
