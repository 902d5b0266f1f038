/*
 * Two transfers in opposite directions, each with one account locked.
 *
 * EXPECT: deadlock @second @second
 */
package main

import (
	"sync"
	"time"
)

type account struct {
	lock    sync.Mutex
	balance int
}

func transfer(from, to *account, both *sync.WaitGroup) {
	from.lock.Lock()
	both.Done()
	both.Wait()
	to.lock.Lock() /* @second */
	from.balance--
	to.balance++
	to.lock.Unlock()
	from.lock.Unlock()
}

func main() {
	a, b := &account{}, &account{}
	var both sync.WaitGroup
	both.Add(2)
	go transfer(a, b, &both)
	go transfer(b, a, &both)
	both.Wait()
	time.Sleep(20 * time.Millisecond)
}
