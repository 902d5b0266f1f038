/*
 * A cache that returns early with its lock for reading; whoever wants to write waits for ever. The type has the lock by
 * embedding: the place is that of the call, not gccgo's function for it.
 *
 * EXPECT: blocked @put rwlock [proved]
 * BARE: yes
 */
package main

import (
	"fmt"
	"sync"
	"time"
)

type cache struct {
	sync.RWMutex
	values map[string]int
}

func (c *cache) get(key string) (int, bool) {
	c.RLock()
	value, found := c.values[key]
	if !found {
		return 0, false
	}
	c.RUnlock()
	return value, true
}

func (c *cache) put(key string, value int) {
	c.Lock() /* @put */
	defer c.Unlock()
	c.values[key] = value
}

func main() {
	c := &cache{values: map[string]int{}}
	found := make(chan bool)
	go func() {
		_, ok := c.get("a")
		found <- ok
	}()
	fmt.Println(<-found)
	go c.put("a", 1)
	time.Sleep(20 * time.Millisecond)
}
