/*
 * Everything of package sync that orders, each with a variable that only that order protects.
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

type box struct{ value int }

var group sync.WaitGroup

func both(first, second func()) {
	group.Add(2)
	go func() { defer group.Done(); first() }()
	go func() { defer group.Done(); second() }()
	group.Wait()
}

/* Do returns for the others only when its function has, and be it by a panic. */
func once() int {
	var once sync.Once
	shared := 0
	set := func() {
		defer func() { recover() }()
		once.Do(func() {
			shared = 1
			panic("half-way")
		})
	}
	read := 0
	both(set, func() { set(); read = shared })
	return read
}

/* Who takes a thing out of a pool is after who put it in. */
func pool() {
	var pool sync.Pool
	use := func() {
		for i := 0; i < 100; i++ {
			b, _ := pool.Get().(*box)
			if b == nil {
				b = new(box)
			}
			b.value++
			pool.Put(b)
		}
	}
	both(use, use)
}

/* Of a map: Store before Load, LoadOrStore, LoadAndDelete, Range. */
func tables() {
	var table sync.Map
	fill := func() {
		for i := 0; i < 5; i++ {
			table.Store(i, &box{i})
		}
		table.LoadOrStore(5, &box{5})
	}
	read := func() {
		sum := 0
		for sum != 1+2+3+4+5 {
			sum = 0
			table.Range(func(key, value interface{}) bool {
				sum += value.(*box).value
				return true
			})
		}
		for i := 0; i < 6; i++ {
			b, _ := table.Load(i)
			b.(*box).value = 0
			table.Store(i, b)
		}
		b, _ := table.LoadAndDelete(5)
		b.(*box).value = 7
		b, _ = table.LoadOrStore(4, nil)
		b.(*box).value = 8
	}
	both(fill, read)
}

/* Broadcast before all that it wakes; what they look at is under the lock. */
func broadcast() int {
	var lock sync.Mutex
	cond := sync.NewCond(&lock)
	ready, waiting, sum, given := false, 0, 0, 0
	var waiters sync.WaitGroup
	for i := 0; i < 3; i++ {
		waiters.Add(1)
		go func() {
			defer waiters.Done()
			lock.Lock()
			waiting++
			for !ready {
				cond.Wait()
			}
			sum += given
			lock.Unlock()
		}()
	}
	for done := false; !done; {
		lock.Lock()
		done = waiting == 3
		lock.Unlock()
	}
	given = 2
	lock.Lock()
	ready = true
	cond.Broadcast()
	lock.Unlock()
	waiters.Wait()
	return sum
}

/* Readers after writers, writers after readers; locks that were only tried. */
func readers() int {
	var lock sync.RWMutex
	shared, rounds := 0, int32(0)
	write := func() {
		for i := 0; i < 50; i++ {
			if i%2 == 0 {
				lock.Lock()
			} else {
				for !lock.TryLock() {
				}
			}
			shared++
			lock.Unlock()
		}
		atomic.AddInt32(&rounds, 1)
	}
	read := func() {
		for sum := 0; atomic.LoadInt32(&rounds) == 0; {
			if lock.TryRLock() {
				sum += shared
				lock.RUnlock()
			}
			lock.RLocker().Lock()
			sum += shared
			lock.RLocker().Unlock()
		}
	}
	both(write, read)
	return shared
}

/* Atomics, as variables and as values. */
func atomics() int {
	var flag int32
	var pointer atomic.Value
	plain, read := 0, 0
	first := func() {
		plain = 1
		atomic.StoreInt32(&flag, 1)
		pointer.Store(&box{3})
	}
	second := func() {
		for !atomic.CompareAndSwapInt32(&flag, 1, 2) {
		}
		read = plain
		for pointer.Load() == nil {
		}
		read += pointer.Load().(*box).value
	}
	both(first, second)
	return read
}

func main() {
	pool()
	tables()
	fmt.Println(once(), broadcast(), readers(), atomics())
}
