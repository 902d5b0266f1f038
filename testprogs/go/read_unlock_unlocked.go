/*
 * A lock taken for writing and given back as if it had been for reading.
 *
 * EXPECT: ending @unlock main [proved]
 * EXPECT: misuse @unlock runlock-not-locked [proved]
 * EXPECT: exit 2
 */
package main

import (
	"fmt"
	"sync"
)

type cache struct {
	lock    sync.RWMutex
	entries map[string]int
}

func (c *cache) set(name string, value int) {
	c.lock.RLock()
	c.lock.RUnlock()
	c.entries[name] = value
	c.lock.RUnlock() /* @unlock */
}

func main() {
	c := &cache{entries: map[string]int{}}
	c.set("a", 1)
	fmt.Println(c.entries)
}
