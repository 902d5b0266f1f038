/*
 * More workers than there is work: when main has closed the channel of jobs, or cancelled the context, and returns, some of
 * them have not begun. They would find nothing to do.
 *
 * EXPECT: none
 * ENV: GOMAXPROCS=1
 */
package main

import (
	"context"
	"fmt"
	"sync"
)

type worker struct{ stop <-chan struct{} }

func (w worker) run() { <-w.stop }

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	jobs, stop := make(chan int, 4), make(chan struct{})
	var done sync.WaitGroup
	for i := 0; i < 8; i++ {
		go func() {
			for range jobs {
				done.Done()
			}
		}()
	}
	done.Add(4)
	for i := 0; i < 4; i++ {
		jobs <- i
	}
	done.Wait()
	for i := 0; i < 4; i++ {
		go func() { <-ctx.Done() }()
		go worker{stop}.run()
	}
	close(stop)
	close(jobs)
	fmt.Println("done")
}
