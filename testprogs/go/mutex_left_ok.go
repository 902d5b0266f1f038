/*
 * The same where main gives both locks back, and waits for the others.
 *
 * EXPECT: none
 */
package main

import "sync"

var lock sync.Mutex
var table struct {
	count int
	sync.RWMutex
}

func main() {
	var group sync.WaitGroup
	group.Add(2)
	lock.Lock()
	table.RLock()
	go func() {
		defer group.Done()
		lock.Lock()
		defer lock.Unlock()
	}()
	go func() {
		defer group.Done()
		table.Lock()
		defer table.Unlock()
	}()
	table.RUnlock()
	lock.Unlock()
	group.Wait()
}
