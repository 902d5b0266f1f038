/*
 * Each request starts a goroutine that forgets the request after an hour: there are more and more of them.
 *
 * EXPECT: leak @go main.main..func1 [suspected] (growing to 300)
 */
package main

import (
	"fmt"
	"sync"
	"time"
)

type requests struct {
	lock sync.Mutex
	open map[int]bool
}

func main() {
	all := &requests{open: map[int]bool{}}
	for id := 0; id < 300; id++ {
		all.lock.Lock()
		all.open[id] = true
		all.lock.Unlock()
		go func(id int) { /* @go */
			time.Sleep(time.Hour)
			all.lock.Lock()
			delete(all.open, id)
			all.lock.Unlock()
		}(id)
		time.Sleep(2 * time.Millisecond)
	}
	fmt.Println(len(all.open))
}
