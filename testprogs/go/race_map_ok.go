/*
 * A RWMutex guards the map; a sync.Map needs none.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

type entry struct{ value int }

func main() {
	var lock sync.RWMutex
	var shared sync.Map
	ages := map[int]int{}
	var group sync.WaitGroup
	for n := 0; n < 4; n++ {
		group.Add(2)
		go func(n int) {
			defer group.Done()
			for i := 0; i < 50; i++ {
				lock.Lock()
				ages[i] = n
				lock.Unlock()
				shared.Store(i, &entry{i})
			}
		}(n)
		go func() {
			defer group.Done()
			for i := 0; i < 50; i++ {
				lock.RLock()
				_ = ages[i]
				lock.RUnlock()
				if e, ok := shared.Load(i); ok && e.(*entry).value != i {
					panic("wrong")
				}
			}
		}()
	}
	group.Wait()
	fmt.Println(len(ages))
}
