/*
 * A cache has a worker that a finalizer tells to stop: nobody else has the channel. As long as the collector has not come by,
 * or the finalizer's turn has not come, or it is being called, the worker waits, and will not do so for ever.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"runtime"
	"time"
)

type store struct {
	items map[string]int
	work  chan string
	stop  chan bool
}

/* What the program holds; the worker holds the store alone. */
type cache struct{ *store }

func (s *store) serve() {
	for {
		select {
		case key := <-s.work:
			s.items[key]++
		case <-s.stop:
			return
		}
	}
}

func newCache() *cache {
	s := &store{map[string]int{}, make(chan string), make(chan bool)}
	c := &cache{s}
	go s.serve()
	runtime.SetFinalizer(c, func(c *cache) { close(c.stop) })
	return c
}

//go:noinline
func use(n int) {
	for i := 0; i < n; i++ {
		newCache().work <- "a"
	}
}

type gate struct {
	entered, left chan bool
	worker        chan bool
}

/* Its finalizer waits for somebody who can go on, and then lets a worker go. */
//go:noinline
func held(entered, left chan bool) {
	g := &gate{entered, left, make(chan bool)}
	started := make(chan bool)
	go func(worker chan bool) {
		close(started)
		<-worker
	}(g.worker)
	<-started
	runtime.SetFinalizer(g, func(g *gate) {
		close(g.entered)
		<-g.left
		close(g.worker)
	})
}

/* What earlier calls left on the stack is overwritten. */
func clean(depth int) int {
	var used [64]int
	for i := range used {
		used[i] = depth
	}
	if depth > 0 {
		return clean(depth-1) + used[depth%64]
	}
	return 0
}

func main() {
	use(150)
	clean(100)
	runtime.GC()
	use(50) /* those before are on their way, these are not found yet */
	entered, left := make(chan bool), make(chan bool)
	held(entered, left)
	clean(100)
	for waiting := true; waiting; {
		runtime.GC()
		select {
		case <-entered:
			waiting = false
		case <-time.After(time.Millisecond):
		}
	}
	time.AfterFunc(time.Hour, func() { close(left) })
	use(20)
	fmt.Println("done")
}
