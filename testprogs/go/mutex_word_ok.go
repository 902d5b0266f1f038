/*
 * A Mutex within a struct that is not there panics as it does in any other program, and can be recovered from; one that
 * waiters have marked is unlocked as the runtime does it; one goroutine may unlock what another locked.
 *
 * EXPECT: none
 */
package main

import (
	"runtime"
	"sync"
)

type counter struct {
	name [64]byte
	lock sync.Mutex
	n    int
}

func fault(operation func(*sync.Mutex)) (text string) {
	defer func() { text = recover().(runtime.Error).Error() }()
	var none *counter
	operation(&none.lock)
	return
}

func main() {
	for i := 0; i < 3; i++ {
		const nil_pointer = "runtime error: invalid memory address or nil pointer dereference"
		if text := fault((*sync.Mutex).Lock); text != nil_pointer {
			panic("Lock: " + text)
		}
		if text := fault((*sync.Mutex).Unlock); text != nil_pointer {
			panic("Unlock: " + text)
		}
	}
	var c counter
	var group sync.WaitGroup
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for k := 0; k < 2000; k++ {
				c.lock.Lock()
				c.n++
				if k%100 == 0 {
					runtime.Gosched() // others find it locked
				}
				c.lock.Unlock()
			}
		}()
	}
	group.Wait()
	if c.n != 16000 {
		panic("lost")
	}
	for i := 0; i < 100; i++ {
		c.lock.Lock()
		go c.lock.Unlock()
	}
	c.lock.Lock()
	if c.lock.TryLock() {
		panic("locked twice")
	}
	c.lock.Unlock()
}
