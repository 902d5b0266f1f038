/*
 * What looks as if it ordered, and does not: the twins of edges_sync_ok.go and its like. In each a variable is written by
 * one goroutine where nothing puts that before or after the read of the other.
 *
 * EXPECT: race @receive_write @receive_read [proved]
 * EXPECT: race @close_write @close_read [proved]
 * EXPECT: race @length_write @length_read [proved]
 * EXPECT: race @default_write @default_read [proved]
 * EXPECT: race @readers @readers [proved]
 * EXPECT: race @once_write @once_read [proved]
 * EXPECT: race @cond_write @cond_read [proved]
 * EXPECT: race @group_write @group_read [proved]
 * EXPECT: race @atomic_write @atomic_read [proved]
 * EXPECT: race @table_write @table_read [proved]
 * EXPECT: race @timer_write @timer_read [proved]
 * EXPECT: race @cancel_write @cancel_read [proved]
 * EXPECT: race @pipe_write @pipe_read [proved]
 * EXPECT: race @sleep_write @sleep_read [proved]
 * MODE: gorace
 */
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var read int

func both(first, second func()) {
	var group sync.WaitGroup
	group.Add(2)
	go func() { defer group.Done(); first() }()
	go func() { defer group.Done(); second() }()
	group.Wait()
}

/* The channel has room: the receive is not before the end of the send. */
func receive() {
	c := make(chan int, 1)
	shared := 0
	both(func() {
		shared = 1 /* @receive_write */
		<-c
	}, func() {
		c <- 1
		read += shared /* @receive_read */
	})
}

func closed() {
	c := make(chan int)
	shared := 0
	both(func() {
		close(c)
		shared = 1 /* @close_write */
	}, func() {
		<-c
		read += shared /* @close_read */
	})
}

func length() {
	c := make(chan int, 1)
	shared := 0
	both(func() {
		shared = 1 /* @length_write */
		c <- 1
	}, func() {
		for len(c) == 0 {
			runtime.Gosched()
		}
		read += shared /* @length_read */
	})
}

/* Nothing passes where the default is taken. */
func byDefault() {
	c := make(chan int)
	shared := 0
	both(func() {
		shared = 1 /* @default_write */
		select {
		case c <- 1:
		default:
		}
	}, func() {
		select {
		case c <- 1:
		default:
		}
		read += shared /* @default_read */
	})
}

func readers() {
	var lock sync.RWMutex
	shared := 0
	add := func() {
		lock.RLock()
		shared++ /* @readers */
		lock.RUnlock()
	}
	both(add, add)
}

func once() {
	var once sync.Once
	shared := 0
	both(func() {
		once.Do(func() {})
		shared = 1 /* @once_write */
	}, func() {
		once.Do(func() {})
		read += shared /* @once_read */
	})
}

func cond() {
	var lock sync.Mutex
	cond := sync.NewCond(&lock)
	ready, shared := false, 0
	both(func() {
		lock.Lock()
		ready = true
		cond.Broadcast()
		lock.Unlock()
		shared = 1 /* @cond_write */
	}, func() {
		lock.Lock()
		for !ready {
			cond.Wait()
		}
		lock.Unlock()
		read += shared /* @cond_read */
	})
}

func group() {
	var group sync.WaitGroup
	shared := 0
	group.Add(1)
	both(func() {
		group.Done()
		shared = 1 /* @group_write */
	}, func() {
		group.Wait()
		read += shared /* @group_read */
	})
}

func atomics() {
	shared, flag := 0, int32(0)
	both(func() {
		atomic.StoreInt32(&flag, 1)
		shared = 1 /* @atomic_write */
	}, func() {
		for atomic.LoadInt32(&flag) == 0 {
		}
		read += shared /* @atomic_read */
	})
}

type box struct{ value int }

func table() {
	var table sync.Map
	b := &box{}
	both(func() {
		table.Store("key", b)
		b.value = 1 /* @table_write */
	}, func() {
		for {
			if b, ok := table.Load("key"); ok {
				read += b.(*box).value /* @table_read */
				return
			}
		}
	})
}

func timer() {
	done := make(chan bool)
	shared := 0
	time.AfterFunc(time.Millisecond, func() {
		read += shared /* @timer_read */
		done <- true
	})
	shared = 1 /* @timer_write */
	<-done
}

func cancel() {
	ctx, cancel := context.WithCancel(context.Background())
	shared := 0
	both(func() {
		cancel()
		shared = 1 /* @cancel_write */
	}, func() {
		<-ctx.Done()
		read += shared /* @cancel_read */
	})
}

func pipe() {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	shared := 0
	both(func() {
		w.Write([]byte{1})
		shared = 1 /* @pipe_write */
	}, func() {
		r.Read(make([]byte, 1))
		read += shared /* @pipe_read */
	})
}

func sleep() {
	shared := 0
	both(func() {
		shared = 1 /* @sleep_write */
	}, func() {
		time.Sleep(5 * time.Millisecond)
		read += shared /* @sleep_read */
	})
}

func main() {
	for _, f := range []func(){receive, closed, length, byDefault, readers, once, cond, group, atomics, table, timer,
		cancel, pipe, sleep} {
		f()
	}
	fmt.Println("done")
}
