/*
 * The unlock is deferred.
 *
 * EXPECT: none
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
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.balance < amount {
		return false
	}
	a.balance -= amount
	return true
}

func main() {
	a := &account{balance: 1}
	var group sync.WaitGroup
	for _, amount := range []int{2, 1} {
		group.Add(1)
		go func(amount int) {
			defer group.Done()
			a.withdraw(amount)
		}(amount)
	}
	group.Wait()
	fmt.Println(a.balance)
}
