/*
 * Transfers in opposite directions: of two accounts the one with the lower number is always locked first.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"fmt"
	"sync"
)

type account struct {
	lock            sync.Mutex
	number, balance int
}

func transfer(from, to *account) {
	first, second := from, to
	if second.number < first.number {
		first, second = second, first
	}
	first.lock.Lock()
	defer first.lock.Unlock()
	second.lock.Lock()
	defer second.lock.Unlock()
	from.balance--
	to.balance++
}

func main() {
	a, b := &account{number: 1}, &account{number: 2}
	var both sync.WaitGroup
	both.Add(2)
	for _, pair := range [][2]*account{{a, b}, {b, a}} {
		go func(from, to *account) {
			defer both.Done()
			for i := 0; i < 100; i++ {
				transfer(from, to)
			}
		}(pair[0], pair[1])
	}
	both.Wait()
	fmt.Println(a.balance, b.balance)
}
