/*
 * A condition within a struct that is copied: who waits on the one is not woken by the other. Go's library notices.
 *
 * EXPECT: ending @signal main [proved]
 * EXPECT: misuse @signal copied [proved]
 * EXPECT: exit 2
 */
package main

import "sync"

type queue struct {
	lock  *sync.Mutex
	more  sync.Cond
	items []int
}

func (q queue) put(item int) { /* a copy */
	q.lock.Lock()
	q.items = append(q.items, item)
	q.lock.Unlock()
	q.more.Signal() /* @signal */
}

func main() {
	lock := new(sync.Mutex)
	q := queue{lock: lock, more: sync.Cond{L: lock}}
	q.more.Broadcast()
	q.put(1)
}
