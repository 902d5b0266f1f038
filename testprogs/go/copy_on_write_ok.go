/*
 * Readers load a value that writers replace as a whole.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

func main() {
	var value atomic.Value
	value.Store(map[string]int{"version": 0})
	var group sync.WaitGroup
	group.Add(4)
	go func() {
		defer group.Done()
		for version := 1; version <= 100; version++ {
			next := map[string]int{"version": version}
			value.Store(next)
		}
	}()
	for n := 0; n < 3; n++ {
		go func() {
			defer group.Done()
			last := 0
			for i := 0; i < 100; i++ {
				version := value.Load().(map[string]int)["version"]
				if version < last {
					panic("backwards")
				}
				last = version
			}
		}()
	}
	group.Wait()
	fmt.Println(value.Load().(map[string]int)["version"])
}
