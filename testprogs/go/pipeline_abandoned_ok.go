/*
 * Each stage also waits for the context, which the receiver cancels when it has enough.
 *
 * EXPECT: none
 */
package main

import (
	"context"
	"fmt"
	"sync"
)

func generate(ctx context.Context, group *sync.WaitGroup, limit int) <-chan int {
	out := make(chan int)
	group.Add(1)
	go func() {
		defer group.Done()
		defer close(out)
		for n := 0; n < limit; n++ {
			select {
			case out <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func square(ctx context.Context, group *sync.WaitGroup, in <-chan int) <-chan int {
	out := make(chan int)
	group.Add(1)
	go func() {
		defer group.Done()
		defer close(out)
		for n := range in {
			select {
			case out <- n * n:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for n := range square(ctx, &group, generate(ctx, &group, 100)) {
		fmt.Println(n)
		if n > 3 {
			break
		}
	}
	cancel()
	group.Wait()
}
