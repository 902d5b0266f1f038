/*
 * The worker that a finalizer is to stop holds the cache itself: the collector never finds it gone. A finalizer of something
 * else, which leads to another channel, does not help.
 *
 * EXPECT: blocked @wait select [proved]
 */
package main

import (
	"fmt"
	"runtime"
)

type cache struct {
	items map[string]int
	work  chan string
	stop  chan bool
}

func (c *cache) serve() {
	for {
		select { /* @wait */
		case key := <-c.work:
			c.items[key]++
		case <-c.stop:
			return
		}
	}
}

//go:noinline
func use() {
	c := &cache{map[string]int{}, make(chan string), make(chan bool)}
	go c.serve()
	runtime.SetFinalizer(c, func(c *cache) { close(c.stop) })
	c.work <- "a"
	other := &cache{stop: make(chan bool)}
	runtime.SetFinalizer(other, func(c *cache) { close(c.stop) })
}

func main() {
	use()
	runtime.GC()
	fmt.Println("done")
}
