/*
 * What a timer does is after what its starter did; a value in a Pool passes from hand to hand; so does what a Once makes.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
	"time"
)

var (
	once  sync.Once
	table map[string]int
)

func lookup(name string) int {
	once.Do(func() { table = map[string]int{"a": 1, "b": 2} })
	return table[name]
}

func main() {
	value := 1
	fired := make(chan int)
	time.AfterFunc(time.Millisecond, func() { fired <- value + 1 })
	pool := sync.Pool{New: func() interface{} { return new([16]int) }}
	var group sync.WaitGroup
	for n := 0; n < 4; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 50; i++ {
				block := pool.Get().(*[16]int)
				block[i%16]++
				pool.Put(block)
			}
			if lookup("a")+lookup("b") != 3 {
				panic("lookup")
			}
		}()
	}
	group.Wait()
	fmt.Println(<-fired)
}
