/*
 * The collector gives memory away again and again: what another goroutine did there before is no race.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"runtime"
	"sync"
)

type node struct {
	next  *node
	value [6]int
}

func build(length int) *node {
	var list *node
	for n := 0; n < length; n++ {
		list = &node{next: list}
		list.value[n%6] = n
	}
	return list
}

func main() {
	var group sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	for n := 0; n < 8; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for round := 0; round < 30; round++ {
				part := 0
				for list := build(200); list != nil; list = list.next {
					part += list.value[0]
				}
				lock.Lock()
				sum += part
				lock.Unlock()
				if round%10 == 0 {
					runtime.GC()
				}
			}
		}()
	}
	group.Wait()
	fmt.Println(sum)
}
