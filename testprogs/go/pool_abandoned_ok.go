/*
 * The workers' channel is closed when the last job has been sent, and main waits for the workers to end.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"fmt"
	"sync"
)

func main() {
	jobs := make(chan int)
	results := make([]int, 10)
	var workers sync.WaitGroup
	for n := 0; n < 3; n++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for job := range jobs {
				results[job] = job * job
			}
		}()
	}
	for n := range results {
		jobs <- n
	}
	close(jobs)
	workers.Wait()
	fmt.Println(results)
}
