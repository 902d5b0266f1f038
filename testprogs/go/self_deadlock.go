/*
 * A method that locks calls another that does.
 *
 * EXPECT: deadlock @again
 * CFLAGS: testprogs/support/until.go
 */
package main

import "sync"

type store struct {
	lock  sync.Mutex
	items []int
}

func (s *store) size() int {
	s.lock.Lock() /* @again */
	defer s.lock.Unlock()
	return len(s.items)
}

func (s *store) add(item int) int {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.items = append(s.items, item)
	return s.size()
}

func main() {
	s := &store{}
	go s.add(1)
	until(1, "semacquire")
}
