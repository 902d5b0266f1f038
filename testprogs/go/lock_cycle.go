/*
 * Two transfers in opposite directions, each with one account locked.
 *
 * EXPECT: deadlock @second @second
 * CFLAGS: testprogs/support/until.go
 */
package main

import "sync"

type account struct {
	lock    sync.Mutex
	balance int
}

func transfer(from, to *account, locked chan<- bool, both <-chan bool) {
	from.lock.Lock()
	locked <- true
	<-both
	to.lock.Lock() /* @second */
	from.balance--
	to.balance++
	to.lock.Unlock()
	from.lock.Unlock()
}

func main() {
	a, b := &account{}, &account{}
	locked, both := make(chan bool), make(chan bool)
	go transfer(a, b, locked, both)
	go transfer(b, a, locked, both)
	<-locked
	<-locked
	close(both)
	until(2, "semacquire")
}
