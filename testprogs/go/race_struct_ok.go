/*
 * A struct with a pointer in it is written and copied as a whole, each under its lock.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

type config struct {
	name  *string
	limit int
	hosts []string
}

var (
	lock    sync.Mutex
	current config
)

func main() {
	var group sync.WaitGroup
	group.Add(2)
	name := "a"
	var seen config
	go func() {
		defer group.Done()
		lock.Lock()
		defer lock.Unlock()
		current = config{&name, 1, nil}
	}()
	go func() {
		defer group.Done()
		lock.Lock()
		defer lock.Unlock()
		seen = current
	}()
	group.Wait()
	fmt.Println(seen.limit <= 1)
}
