/*
 * An early return keeps the lock; the next one to come waits for ever.
 *
 * EXPECT: blocked @lock mutex
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"fmt"
	"sync"
)

type account struct {
	lock    sync.Mutex
	balance int
}

func (a *account) withdraw(amount int) bool {
	a.lock.Lock() /* @lock */
	if a.balance < amount {
		return false
	}
	a.balance -= amount
	a.lock.Unlock()
	return true
}

func main() {
	a := &account{balance: 1}
	done := make(chan bool)
	go func() {
		fmt.Println(a.withdraw(2))
		close(done)
	}()
	<-done
	go a.withdraw(1)
	until(1, "semacquire")
}
