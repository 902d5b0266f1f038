/*
 * What is called with the lock held does not take it.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"fmt"
	"sync"
)

type store struct {
	lock  sync.Mutex
	items []int
}

func (s *store) sizeLocked() int {
	return len(s.items)
}

func (s *store) size() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.sizeLocked()
}

func (s *store) add(item int) int {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.items = append(s.items, item)
	return s.sizeLocked()
}

func main() {
	s := &store{}
	added := make(chan int)
	go func() { added <- s.add(1) }()
	fmt.Println(<-added, s.size())
}
