/*
 * A pipeline of several workers a stage, whose values are changed by each in turn, cancelled half-way and drained.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"context"
	"fmt"
	"sync"
)

type item struct {
	n    int
	text string
}

func source(ctx context.Context, n int) <-chan *item {
	out := make(chan *item)
	go func() {
		defer close(out)
		for i := 0; i < n; i++ {
			select {
			case out <- &item{n: i}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func stage(ctx context.Context, in <-chan *item, width int) <-chan *item {
	out := make(chan *item, width)
	var group sync.WaitGroup
	for w := 0; w < width; w++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for it := range in {
				it.text += fmt.Sprint(it.n)
				it.n++
				select {
				case out <- it:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	go func() { group.Wait(); close(out) }()
	return out
}

func run(cancelAt int) int {
	ctx, cancel := context.WithCancel(context.Background())
	last := stage(ctx, stage(ctx, stage(ctx, source(ctx, 500), 4), 4), 4)
	seen := 0
	for it := range last {
		seen += len(it.text)
		if seen > cancelAt {
			cancel()
			break
		}
	}
	cancel()
	for range last {
	}
	return seen
}

func main() {
	for i := 1; i < 6; i++ {
		fmt.Println(run(i*100) > 0)
	}
}
