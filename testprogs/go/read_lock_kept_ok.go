/*
 * The same with a deferred RUnlock; and one that another goroutine makes for the one that took the lock and has ended.
 *
 * EXPECT: none
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
	defer c.RUnlock()
	value, found := c.values[key]
	return value, found
}

func (c *cache) put(key string, value int) {
	c.Lock()
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
	go func() {
		c.RLock()
		found <- true
	}()
	<-found
	time.AfterFunc(20*time.Millisecond, c.RUnlock)
	c.put("a", 1)
	fmt.Println(c.get("a"))
}
