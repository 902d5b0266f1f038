/*
 * What a reader calls while it has the lock takes it for granted; writers come in between.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"fmt"
	"sync"
)

type table struct {
	lock  sync.RWMutex
	items map[string]int
}

/* The caller has the lock. */
func (t *table) size() int {
	return len(t.items)
}

func (t *table) mean() int {
	t.lock.RLock()
	defer t.lock.RUnlock()
	total := 0
	for _, item := range t.items {
		total += item
	}
	return total / t.size()
}

func (t *table) set(name string, item int) {
	t.lock.Lock()
	t.items[name] = item
	t.lock.Unlock()
}

func main() {
	t := &table{items: map[string]int{"a": 7}}
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(2)
		go func() {
			defer all.Done()
			for k := 0; k < 50; k++ {
				t.mean()
			}
		}()
		go func() {
			defer all.Done()
			for k := 0; k < 50; k++ {
				t.set("b", 7)
			}
		}()
	}
	all.Wait()
	fmt.Println(t.mean())
}
