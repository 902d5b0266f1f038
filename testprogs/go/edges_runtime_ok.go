/*
 * Goroutines that give way, are bound to their thread, end by Goexit, while the number of processors changes. What they do
 * is ordered by a wait group alone, whichever thread they do it on.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"fmt"
	"runtime"
	"sync"
)

const each = 200

type counters struct {
	lock    sync.Mutex
	total   int
	private [8]int
}

func (c *counters) work(n int, group *sync.WaitGroup) {
	defer group.Done()
	defer func() {
		c.lock.Lock()
		c.total += c.private[n]
		c.lock.Unlock()
	}()
	if n%2 == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	for i := 0; ; i++ {
		c.private[n]++
		if i%3 == 0 {
			runtime.Gosched()
		}
		if c.private[n] == each {
			runtime.Goexit()
		}
	}
}

func main() {
	var c counters
	for _, processors := range []int{1, 4, 2, 16, 1, 3} {
		var group sync.WaitGroup
		c.private = [8]int{}
		for n := range c.private {
			group.Add(1)
			go c.work(n, &group)
		}
		runtime.GOMAXPROCS(processors)
		group.Wait()
	}
	fmt.Println(c.total)
}
