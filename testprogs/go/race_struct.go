/*
 * A struct with a pointer in it is copied as a whole while another goroutine writes it.
 *
 * EXPECT: race @write @copy
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

var current config

func main() {
	var group sync.WaitGroup
	group.Add(2)
	name := "a"
	var seen config
	go func() {
		defer group.Done()
		current = config{&name, 1, nil} /* @write */
	}()
	go func() {
		defer group.Done()
		seen = current /* @copy */
	}()
	group.Wait()
	fmt.Println(seen.limit <= 1)
}
